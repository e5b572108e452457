"""A page for programs and for other sites: feeds, one JSON, and a line to put in a frame."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase

from statuspages import news
from statuspages.selectors import pages as selectors
from statuspages.views.pages import PublicView, may_be_framed
from statuspages.views.public import answer

FEEDS = {
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
    "json": "application/feed+json",
}
FEED_MAX_AGE_S = 60


class ForPrograms(PublicView):
    """Programs have no password to give: what has one is not there for them."""

    def without_pass(self) -> HttpResponseBase:
        raise Http404


class Feed(ForPrograms):
    """What was said of late, as RSS, Atom or JSON Feed."""

    def get(self, request: HttpRequest, form: str, **_kwargs: Any) -> HttpResponseBase:
        told = news.entries(selectors.lately(self.page).value)
        links = {"link": self.address, "self_link": f"{self.address}feed.{form}", "language": self.language}
        if form == "json":
            body = json.dumps(news.feed_json(self.page, told, **links))
        else:
            body = news.feed_xml(form, self.page, told, **links)
        return answer(request, body, FEEDS[form], max_age_s=FEED_MAX_AGE_S)


class Summary(ForPrograms):
    """The page in one JSON."""

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        made_at = datetime.fromtimestamp(self.answer.made_at, UTC)
        body = json.dumps(news.summary(self.page, url=self.address, made_at=made_at))
        return answer(request, body, "application/json", max_age_s=10)


class Widget(ForPrograms):
    """The overall line, for a frame on another site; where the page lets it be shown there."""

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        if not self.page.embeddable:
            raise Http404
        return may_be_framed(self.show("statuspages/widget.html", address=self.address))
