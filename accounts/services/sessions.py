"""Where somebody is signed in: in browsers, each with a row by which its owner recognizes it, and in programs."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import login, update_session_auth_hash
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts import audit
from accounts.models import ApiSession, User
from accounts.services import tries
from common.addresses import plain_address

logger = logging.getLogger(__name__)

NOTED = "visit_noted_at"
NOTED_EVERY_S = 600
UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - the table wants one; shown as unknown


# --- browsers ---


def enter(request: HttpRequest, user: User) -> None:
    """Sign in here, under a new session key, and note where that was."""
    login(request, user)
    logger.info("Person %s signed in with a browser at %s", user.pk, plain_address(request))
    request.session[NOTED] = int(time.time())
    if request.session.session_key is None:
        request.session.save()
    UserSession.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": user,
            "ip": plain_address(request) or UNKNOWN_ADDRESS,
            "user_agent": request.headers.get("User-Agent", "")[:200],
            "last_seen_at": timezone.now(),
        },
    )


def stay(request: HttpRequest, user: User) -> None:
    """Keep this browser in after something that ends all sessions: a new key, and the row goes along."""
    before = request.session.session_key
    update_session_auth_hash(request, user)
    if request.session.session_key is None:
        request.session.save()
    UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)


def note_visit(request: HttpRequest) -> None:
    """Every ten minutes, when this browser was last seen; a page that polls must not write each time."""
    now = int(time.time())
    if now - request.session.get(NOTED, now) >= NOTED_EVERY_S:
        request.session[NOTED] = now
        UserSession.objects.filter(session_key=request.session.session_key).update(last_seen_at=timezone.now())


def sessions_of(user: User) -> Sequence[UserSession]:
    """The live ones, the latest first; those that have ended by themselves are forgotten on the way."""
    live: list[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(live, key=lambda session: session.last_seen_at, reverse=True)


def end_one(*, user: User, pk: int) -> bool:
    """Whoever has its cookie is out with the next request. Says whether there was one."""
    session = UserSession.objects.filter(user=user, pk=pk).first()
    if session is None:
        return False
    session.end()
    audit.account(user, "session ended", client=session.user_agent)
    return True


def end_others(*, user: User, key: str | None) -> None:
    for session in UserSession.objects.filter(user=user).exclude(session_key=key):
        session.end()


# --- programs ---


def end_api_session(*, session_id: UUID) -> None:
    ApiSession.objects.filter(id=session_id, ended_at=None).update(ended_at=timezone.now())


def end_api_session_of(*, user: User, session_id: UUID) -> bool:
    """Says whether there was one."""
    ended = user.api_sessions.filter(id=session_id, ended_at=None).update(ended_at=timezone.now())
    if ended:
        audit.account(user, "session ended", client="a program")
    return bool(ended)


def end_api_sessions(*, user: User, but: UUID | None = None) -> None:
    live = user.api_sessions.filter(ended_at=None)
    (live.exclude(pk=but) if but else live).update(ended_at=timezone.now())


# --- both ---


def end_sessions(*, user: User) -> None:
    """All of them, in browsers and of programs, from the next request: a role, a password or a right has changed."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])
    end_api_sessions(user=user)


def end_other_sessions(*, user: User, key: str | None, program: UUID | None = None) -> None:
    """All but the browser session with this key, or the program's session with this id."""
    end_others(user=user, key=key)
    end_api_sessions(user=user, but=program)
    audit.account(user, "other sessions ended")


def forget_old_sessions(*, now: datetime) -> None:
    """Delete what no token in the world can refer to any more: sessions, used tokens, browser sessions."""
    ApiSession.objects.filter(renewed_at__lt=now - settings.REFRESH_TOKEN_LIFETIME).delete()
    OutstandingToken.objects.filter(expires_at__lt=now).delete()
    tries.forget_old(now=now)
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
