"""What subscribers read: one message of an update, or the question whether they want any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from time import time
from typing import Any

from django.conf import settings as server
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from alerts.notifiers.base import Mail, Outgoing, json_post
from alerts.notifiers.email import SUBJECT_LENGTH
from alerts.notifiers.webhook import WebhookSettings, signed
from monitors.words import one_line
from probes.post import Post as HttpPost
from statuspages import words
from statuspages.markdown import render
from statuspages.models import Notice, PostUpdate, Subscriber
from statuspages.rules import PostState, Road


@dataclass(frozen=True, slots=True)
class Message:
    """``text`` is plain, ``html`` is safe; ``link`` is where to read on or to answer."""

    key: str
    thread: str
    kind: str
    page: str
    title: str
    text: str
    html: str
    link: str
    leave_link: str
    post: dict[str, Any] | None = None
    update: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """As programs read it (docs/api.md): fields are only ever added."""
        return {
            "key": self.key,
            "kind": self.kind,
            "page": self.page,
            "title": self.title,
            "text": self.text,
            "link": self.link,
            "unsubscribe": self.leave_link,
            "post": self.post,
            "update": self.update,
        }


def address_of(subscriber: Subscriber) -> str:
    """Where a subscriber answers us; it tells nobody anything without being asked by POST."""
    return f"{server.SITE_URL}/subscription/{subscriber.token}/"


def message_for(notice: Notice) -> Message:
    """In the page's first language."""
    languages = notice.page.languages
    with translation.override(languages[0] if languages else server.LANGUAGE_CODE):
        return _of_update(notice, notice.update) if notice.update else _question(notice)


def _question(notice: Notice) -> Message:
    page, link = one_line(notice.page.title, 120), address_of(notice.subscriber)
    asks = notice.subscriber.confirmed_at is None
    if asks:
        title = _("Confirm that you want to hear from %(page)s") % {"page": page}
        text = _(
            "Somebody, most likely you, asked that news of %(page)s be sent here. Follow the link to say yes. "
            "If it was not you, do nothing: nothing more will come."
        ) % {"page": page}
    else:
        title = _("You hear from %(page)s already") % {"page": page}
        text = _("Somebody asked that news of %(page)s be sent here. They are already. The link is for leaving.") % {
            "page": page
        }
    return Message(
        key=notice.key,
        thread=str(notice.subscriber_id),
        kind="confirm" if asks else "subscribed",
        page=page,
        title=title,
        text=text,
        html=f"<p>{escape(text)}</p>",
        link=link,
        leave_link=link,
    )


def _of_update(notice: Notice, update: PostUpdate) -> Message:
    post, page = update.post, one_line(notice.page.title, 120)
    state = str(words.POSTS[PostState(update.state)])
    when = ""
    if post.ends_at and update.state == PostState.SCHEDULED:
        when = f"{_moment(post.starts_at)} \N{EN DASH} {_moment(post.ends_at)}"
    about = ", ".join(component.name for component in post.components.all())
    facts = [line for line in (state, when, about) if line]
    return Message(
        key=notice.key,
        thread=str(post.pk),
        kind="update",
        page=page,
        title=f"{page}: {one_line(post.title, 200)} ({state})",
        text="\n".join([*facts, "", update.text]),
        html="".join(f"<p>{escape(line)}</p>" for line in facts) + render(update.text),
        link=notice.page.url,
        leave_link=address_of(notice.subscriber),
        post={
            "id": str(post.pk),
            "kind": post.kind,
            "title": post.title,
            "state": update.state,
            "starts_at": post.starts_at.isoformat(),
            "ends_at": post.ends_at.isoformat() if post.ends_at else None,
            "components": [component.name for component in post.components.all()],
        },
        update={"id": str(update.pk), "state": update.state, "text": update.text, "at": update.at.isoformat()},
    )


def _moment(at: datetime) -> str:
    return f"{date_format(at.astimezone(UTC), _('j M Y, H:i'))} UTC"


# --- on the way ---


def outgoing(subscriber: Subscriber, message: Message) -> Outgoing:
    if subscriber.kind == Road.EMAIL:
        return _mail(subscriber.settings["to"], message)
    return _post(WebhookSettings.parse(subscriber.settings), message)


def _mail(to: str, message: Message) -> Mail:
    foot = _("To hear no more: %(link)s") % {"link": message.leave_link}
    link, leave = escape(message.link), escape(message.leave_link)
    return Mail(
        to=to,
        subject=one_line(message.title, SUBJECT_LENGTH),
        text=f"{message.title}\n\n{message.text}\n\n{message.link}\n\n--\n{foot}\n",
        html=(
            f"<!DOCTYPE html><html><body><h2>{escape(message.title)}</h2>{message.html}"
            f'<p><a href="{link}">{link}</a></p><hr><p><small>'
            f'<a href="{leave}">{escape(_("Hear no more"))}</a></small></p></body></html>'
        ),
        key=message.key,
        thread=message.thread,
        headers=(
            # RFC 8058: one click in the reader's own program, by POST.
            ("List-Unsubscribe", f"<{message.leave_link}leave/>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ),
    )


def _post(settings: WebhookSettings, message: Message) -> HttpPost:
    post = json_post(settings.url, message.as_dict(), (("Idempotency-Key", message.key),))
    headers = post.headers
    if settings.secret is not None:
        headers += signed(settings.secret, post.body, at=int(time()))
    return HttpPost(post.url, post.body, headers)
