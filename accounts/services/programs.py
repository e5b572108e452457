"""Programs sign in and stay: sessions with the tokens that speak for them.

Beside ``sessions``, which is for both, so that whoever only ends sessions does not load what makes tokens.
"""

from __future__ import annotations

import logging

from django.utils import timezone

from accounts import audit
from accounts.exceptions import TokenRefused
from accounts.models import ApiSession, User
from accounts.selectors import live_api_session
from accounts.services import sessions
from accounts.services.tokens import TokenPair, read_refresh

logger = logging.getLogger(__name__)


def open_api_session(*, user: User, address: str | None = None, client: str = "") -> TokenPair:
    """``address`` and ``client`` are for the list in which the owner recognizes it."""
    session = ApiSession.objects.create(
        user=user, password_mark=user.get_session_auth_hash(), address=address, client=client[:200]
    )
    logger.info("Person %s signed in with a program at %s", user.pk, address)
    user.last_login = session.created_at
    user.save(update_fields=["last_login"])
    return TokenPair.for_session(session.id)


def renew_api_session(*, refresh: str) -> TokenPair:
    """Trade a refresh token for a new pair, once.

    A second use means that two parties hold the token, and nothing tells the thief from the owner: the whole
    session ends. That is also why there is no transaction around this: the ending must outlive the refusal.
    """
    token = read_refresh(refresh)
    session = live_api_session(token.session_id)
    if session is None:
        raise TokenRefused
    if not token.spend():
        sessions.end_api_session(session_id=session.id)
        audit.account(session.user, "session ended", client=session.client, why="a refresh token was used twice")
        raise TokenRefused
    ApiSession.objects.filter(id=session.id).update(renewed_at=timezone.now())
    return TokenPair.for_session(session.id)
