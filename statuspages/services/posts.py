"""Writing on a status page: of incidents and of planned work, in updates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from incidents.models import Incident
from maintenance.models import Window
from probes.sentences import say
from statuspages.models import Component, Post, PostUpdate, StatusPage
from statuspages.rules import ENDS, STATES, PostKind, PostState
from statuspages.services import subscribers
from statuspages.services.pages import forget


@transaction.atomic
def write_post(
    page: StatusPage, *, by: User | None, kind: str, title: str, text: str, state: str = "", **fields: Any
) -> Post:
    """A post with its first update.

    ``fields``: ``starts_at``, ``ends_at``, ``components``, and the ``incident`` or ``window`` that it is about (ids).
    Without a state it is the first one of its kind. Planned work without times takes those of its window.
    """
    post = Post(page=page, kind=kind, title=title, created_by=by)
    post.state = _state(post, state or STATES[PostKind(kind)][0])
    _link(post, fields)
    _set_times(post, fields)
    post.save()
    if "components" in fields:
        post.components.set(_components(page, fields["components"]))
    _add(post, by=by, text=text, at=timezone.now())
    audit.created(post)
    forget(page)
    return post


@transaction.atomic
def change_post(post: Post, **fields: Any) -> Post:
    """Change its title, times, components or what it is about; what was said stays."""
    post = Post.objects.select_for_update(of=("self",)).select_related("page").get(pk=post.pk)
    before = audit.picture(post)
    post.title = fields.get("title", post.title)
    _link(post, fields)
    _set_times(post, fields)
    post.save()
    if "components" in fields:
        post.components.set(_components(post.page, fields["components"]))
    audit.changed(post, before)
    forget(post.page)
    return post


@transaction.atomic
def add_update(post: Post, *, by: User | None, state: str, text: str) -> PostUpdate:
    """Say something more. An incident ends with its resolution, and goes on when somebody takes that back."""
    now = timezone.now()
    post = Post.objects.select_for_update(of=("self",)).select_related("page").get(pk=post.pk)
    post.state = _state(post, state)
    if post.state in ENDS:
        post.ends_at = min(post.ends_at or now, now) if post.kind == PostKind.MAINTENANCE else now
        post.ends_at = max(post.ends_at, post.starts_at)
    elif post.kind == PostKind.INCIDENT:
        post.ends_at = None
    post.save(update_fields=["state", "ends_at"])
    forget(post.page)
    audit.done(post, "updated", state=state, text=text)
    return _add(post, by=by, text=text, at=now)


@transaction.atomic
def delete_post(post: Post) -> None:
    forget(post.page)
    audit.deleted(post)
    post.delete()


def _add(post: Post, *, by: User | None, text: str, at: datetime) -> PostUpdate:
    if not text.strip():
        raise ValidationError({"text": [say("say something")]})
    update = PostUpdate.objects.create(post=post, state=post.state, text=text, by=by, at=at)
    subscribers.tell(update, now=at)
    return update


def _state(post: Post, state: str) -> PostState:
    of_kind = STATES[PostKind(post.kind)]
    if state not in of_kind:
        raise ValidationError({"state": [say("must be one of {names}", names=", ".join(of_kind))]})
    return PostState(state)


def _link(post: Post, fields: dict[str, Any]) -> None:
    """To an incident or a window of the same team; others do not exist here."""
    team = post.page.team
    if "incident" in fields:
        wanted = fields["incident"]
        post.incident = Incident.objects.filter(monitor__team=team, pk=wanted).first() if wanted else None
        if wanted and (post.incident is None or post.kind != PostKind.INCIDENT):
            raise ValidationError({"incident": [say("there is no such incident, or the post is about planned work")]})
    if "window" in fields:
        wanted = fields["window"]
        post.window = Window.objects.filter(team=team, pk=wanted).first() if wanted else None
        if wanted and (post.window is None or post.kind != PostKind.MAINTENANCE):
            raise ValidationError({"window": [say("there is no such window, or the post is not about planned work")]})


def _set_times(post: Post, fields: dict[str, Any]) -> None:
    starts, ends = fields.get("starts_at"), fields.get("ends_at")
    if post.kind == PostKind.MAINTENANCE:
        window = post.window
        if window and not starts and "window" in fields:
            starts, ends = window.next_starts, window.next_ends
        if not (starts or (post.pk and not post._state.adding)):
            raise ValidationError({"starts_at": [say("say when it begins, or choose a window that is still to come")]})
    elif post.incident and not starts and "incident" in fields:
        starts, ends = post.incident.started_at, None
    post.starts_at = starts or post.starts_at
    if "ends_at" in fields or ends:
        post.ends_at = ends
    if post.state in ENDS and not post.ends_at:
        post.ends_at = timezone.now()
    if post.ends_at and post.ends_at < post.starts_at:
        raise ValidationError({"ends_at": [say("must not be before the beginning")]})


def _components(page: StatusPage, wanted: Iterable[UUID]) -> list[Component]:
    ids = set(wanted)
    found = list(page.components.filter(pk__in=ids))
    if unknown := ids - {component.pk for component in found}:
        raise ValidationError(
            {"components": [say("there is no component {id} on this page", id=min(map(str, unknown)))]}
        )
    return found
