"""What a page has said, as entries of feeds and as one JSON: the same words in every form. Pure but for the words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed
from django.utils.html import escape
from django.utils.translation import gettext as _

from common.clock import iso
from statuspages import words
from statuspages.shown import Outage, Page, Post

MOST_ENTRIES = 50
NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What cannot stand in XML, however it is written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was said, or the begin or the end of an outage. ``html`` is safe."""

    id: UUID
    title: str
    html: str
    at: datetime

    @property
    def urn(self) -> str:
        return self.id.urn


def entries(told: Iterable[Post | Outage]) -> list[Entry]:
    """Newest first. What was said once keeps its id for ever."""
    found = [entry for one in told for entry in (_of_post(one) if isinstance(one, Post) else _of_outage(one))]
    return sorted(found, key=lambda entry: (entry.at, entry.id), reverse=True)[:MOST_ENTRIES]


def _of_post(post: Post) -> Iterator[Entry]:
    about = f"<p>{escape(_clean(', '.join(post.components)))}</p>" if post.components else ""
    for update in post.updates:
        title = f"{words.POSTS[update.state]}: {post.title}"
        yield Entry(update.id, _clean(title), about + _clean(update.html), update.at)


def _of_outage(outage: Outage) -> Iterator[Entry]:
    names = _clean(", ".join(outage.components))
    begun = _("%(names)s: partly down") if outage.partly else _("%(names)s: down")
    yield Entry(uuid5(outage.id, "begin"), begun % {"names": names}, "", outage.starts_at)
    if outage.ends_at:
        yield Entry(uuid5(outage.id, "end"), _("%(names)s: works again") % {"names": names}, "", outage.ends_at)


def _clean(text: str) -> str:
    return NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)


# --- feeds ---


class _Rss(Rss201rev2Feed):
    def latest_post_date(self) -> datetime:
        """Not the present moment where there is nothing: a feed that has not changed must not look as if."""
        return _latest(self)


class _Atom(Atom1Feed):
    def latest_post_date(self) -> datetime:
        return _latest(self)


def _latest(feed: Any) -> datetime:
    newest: datetime = max([feed.feed["since"], *(item["updateddate"] for item in feed.items)])
    return newest


def feed_xml(form: str, page: Page, told: list[Entry], *, link: str, self_link: str, language: str) -> str:
    """As RSS 2.0 or Atom 1.0 (``form``: rss, atom); ``link`` and ``self_link`` are whole addresses."""
    make = _Rss if form == "rss" else _Atom
    feed = make(
        title=_clean(page.title),
        link=link,
        description=_clean(page.description or page.title),
        language=language,
        feed_url=self_link,
        feed_guid=page.id.urn,
        since=page.since,
    )
    for entry in told:
        feed.add_item(
            title=entry.title,
            link=link,
            description=entry.html,
            unique_id=entry.urn,
            unique_id_is_permalink=False,
            pubdate=entry.at,
            updateddate=entry.at,
        )
    text: str = feed.writeString("utf-8")
    return text


def feed_json(page: Page, told: list[Entry], *, link: str, self_link: str, language: str) -> dict[str, Any]:
    """As JSON Feed 1.1 (jsonfeed.org)."""
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": page.title,
        "description": page.description or page.title,
        "home_page_url": link,
        "feed_url": self_link,
        "language": language,
        "items": [
            {
                "id": entry.urn,
                "url": link,
                "title": entry.title,
                "content_html": entry.html or escape(entry.title),
                "date_published": iso(entry.at),
            }
            for entry in told
        ],
    }


# --- the whole in one JSON ---


def summary(page: Page, *, url: str, made_at: datetime) -> dict[str, Any]:
    """As docs/api.md tells it: fields are only ever added."""
    return {
        "page": {"id": str(page.id), "title": page.title, "url": url},
        "as_of": iso(made_at.replace(second=0, microsecond=0)),
        "status": {"state": page.overall.value, "words": str(words.OVERALL[page.overall])},
        "components": [
            {
                "id": str(component.id),
                "name": component.name,
                "section": section.name or None,
                "state": component.state.value,
                "uptime_90d": component.uptime,
                "coverage_90d": component.coverage,
            }
            for section in page.sections
            for component in section.components
        ],
        "incidents": [_post(post) for post in page.incidents],
        "maintenance": [_post(post) for post in page.planned],
        "outages": [
            {
                "id": str(outage.id),
                "components": list(outage.components),
                "partly": outage.partly,
                "starts_at": iso(outage.starts_at),
            }
            for outage in page.under_way
        ],
    }


def _post(post: Post) -> dict[str, Any]:
    return {
        "id": str(post.id),
        "title": post.title,
        "state": post.state.value,
        "components": list(post.components),
        "starts_at": iso(post.starts_at),
        "ends_at": iso(post.ends_at) if post.ends_at else None,
        "updates": [
            {"id": str(update.id), "state": update.state.value, "text": update.text, "at": iso(update.at)}
            for update in post.updates
        ],
    }
