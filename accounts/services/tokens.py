"""The tokens of programs: signed words that say which ``ApiSession`` speaks, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, TypeVar
from uuid import UUID

from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts.exceptions import TokenRefused

SESSION_CLAIM = "sid"


class AccessToken(tokens.AccessToken):
    @property
    def session_id(self) -> UUID:
        return UUID(str(self[SESSION_CLAIM]))


class RefreshToken(tokens.RefreshToken):
    access_token_class = AccessToken

    @property
    def session_id(self) -> UUID:
        return UUID(str(self[SESSION_CLAIM]))

    def check_blacklist(self) -> None:
        """Not while reading: a used token that comes back is a theft, not a typing error. ``spend`` tells."""

    def spend(self) -> bool:
        """Mark the token as used; False when it was used before. Of two callers at once only one hears True.

        The row keeps the token's id, not its text: a copy of the database must not hold usable tokens.
        """
        used, _ = OutstandingToken.objects.get_or_create(
            jti=self["jti"], defaults={"token": "", "expires_at": datetime_from_epoch(self["exp"])}
        )
        _, first_time = BlacklistedToken.objects.get_or_create(token=used)
        return first_time


SomeToken = TypeVar("SomeToken", AccessToken, RefreshToken)


@dataclass(frozen=True)
class TokenPair:
    access: str
    refresh: str

    @classmethod
    def for_session(cls, session_id: UUID) -> Self:
        refresh = RefreshToken()
        refresh[SESSION_CLAIM] = str(session_id)
        return cls(access=str(refresh.access_token), refresh=str(refresh))


def read_access(text: str | bytes) -> AccessToken:
    return _read(AccessToken, text)


def read_refresh(text: str | bytes) -> RefreshToken:
    return _read(RefreshToken, text)


def _read(kind: type[SomeToken], text: str | bytes) -> SomeToken:
    """Check signature, audience, issuer, age and type. All that can go wrong with it is ``TokenRefused``."""
    try:
        token = kind(text)  # type: ignore[arg-type]  # simplejwt says Token and takes text
        token.session_id  # noqa: B018  # a token of ours that names no session is as good as none
    except (TokenError, KeyError, ValueError, RecursionError) as error:
        raise TokenRefused from error
    return token
