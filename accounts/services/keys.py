"""API keys: making them, using them, ending them."""

from __future__ import annotations

from datetime import datetime, timedelta
from secrets import token_urlsafe

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit
from accounts.exceptions import KeyRefused
from accounts.models import ApiKey, KeyHolder, Membership, Team, User
from accounts.rules import Role, Scope, fingerprint, lesser, one_line
from probes.sentences import say

TEAM_KEY, PERSONAL_TOKEN = "uptk_", "uptp_"
"""How a secret begins, so that people and scanners of leaked secrets know what they have found."""

SHOWN = 12
"""Characters of a secret that are kept readable."""

MOST_KEYS = 100
USED_EVERY = timedelta(minutes=1)


# --- making and ending ---


def create_key(*, team: Team, by: User, **fields: object) -> tuple[ApiKey, str]:
    """A key of the team's. ``fields``: name, scope, expires_at (None: never). With it comes its secret, shown once."""
    return _create(TEAM_KEY, ApiKey(team=team, created_by=by), fields)


def create_token(*, membership: Membership, **fields: object) -> tuple[ApiKey, str]:
    """A person's own token: acts as that person in that one team, never above the person's role there."""
    user = membership.user
    return _create(PERSONAL_TOKEN, ApiKey(team=membership.team, user=user, created_by=user), fields)


@transaction.atomic
def _create(beginning: str, key: ApiKey, fields: dict[str, object]) -> tuple[ApiKey, str]:
    _apply(key, fields)
    Team.objects.select_for_update(no_key=True).get(pk=key.team_id)
    if ApiKey.objects.live(timezone.now()).filter(team=key.team, user=key.user).count() >= MOST_KEYS:
        raise ValidationError(
            {"name": [say("at most {most} keys are in use at a time: revoke one first", most=MOST_KEYS)]}
        )
    secret = beginning + token_urlsafe(32)
    key.prefix, key.secret_key = secret[:SHOWN], fingerprint(secret)
    key.save(force_insert=True)
    audit.created(key)
    return key, secret


def _apply(key: ApiKey, fields: dict[str, object]) -> None:
    key.name = one_line(str(fields.get("name", "")))[:120]
    key.scope = str(fields.get("scope", Scope.READ))
    expires_at = fields.get("expires_at")
    problems: dict[str, list[str]] = {}
    if not key.name:
        problems["name"] = [say("give it a name, so that you know later what it is for")]
    if key.scope not in set(Scope):
        problems["scope"] = [say("must be one of {names}", names=", ".join(Scope))]
    if isinstance(expires_at, datetime) and expires_at <= timezone.now():
        problems["expires_at"] = [say("must lie in the future")]
    if problems:
        raise ValidationError(problems)
    key.expires_at = expires_at if isinstance(expires_at, datetime) else None


@transaction.atomic
def revoke(key: ApiKey) -> None:
    """End it for good, from the next request on. A second time changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        audit.done(key, "revoked")


# --- using ---


def looks_like_one(text: str) -> bool:
    return text.startswith((TEAM_KEY, PERSONAL_TOKEN))


def use(secret: str, *, now: datetime) -> tuple[ApiKey, User | KeyHolder]:
    """The key that this is the secret of, and who acts by it. Raises ``KeyRefused``.

    Looked up by the SHA-256 of 256 random bits: nothing slow is needed, and nothing can be told from the time it takes.
    """
    found = ApiKey.objects.live(now).select_related("team", "user").filter(secret_key=fingerprint(secret)).first()
    if found is None:
        raise KeyRefused
    holder = _holder(found)
    if found.last_used_at is None or now - found.last_used_at >= USED_EVERY:
        ApiKey.objects.filter(pk=found.pk, last_used_at=found.last_used_at).update(last_used_at=now)
    return found, holder


def _holder(key: ApiKey) -> User | KeyHolder:
    """A token's person works in the token's team alone, with the lesser of both rights."""
    if key.user is None:
        return KeyHolder(key)
    membership = Membership.objects.select_related("team").filter(team=key.team, user=key.user).first()
    if membership is None or not key.user.is_active:
        raise KeyRefused
    membership.user, membership.role = key.user, lesser(Role(membership.role), Scope(key.scope).role)
    key.user.present_membership, key.user.known_memberships = membership, [membership]
    return key.user


# --- reading ---


def keys_of(team: Team) -> QuerySet[ApiKey]:
    """The team's own keys that were not revoked, newest first."""
    return ApiKey.objects.filter(team=team, user=None, revoked_at=None).select_related("created_by")


def tokens_of(membership: Membership) -> QuerySet[ApiKey]:
    """A person's own tokens for one team."""
    return ApiKey.objects.filter(team=membership.team, user=membership.user, revoked_at=None)
