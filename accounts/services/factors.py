"""The second factor: codes of an app, recovery codes, security keys and passkeys.

allauth keeps the rows and knows the formats; counting tries, refusing a code that was used and asking for the password
are ours, so that they hold without a cache and for the API as well.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.crypto import constant_time_compare

from accounts import audit
from accounts.exceptions import Locked, WrongCode
from accounts.models import User
from accounts.rules import SECOND_FACTOR
from accounts.services import tries
from probes.sentences import say

logger = logging.getLogger(__name__)

SEALED = (Authenticator, "data", ("secret", "seed"))
"""Where the secrets are kept, for the rotation of keys: allauth's table, the JSON column, its members."""

TOTP_APP, KEY, RECOVERY = Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN, Authenticator.Type.RECOVERY_CODES


class SealedFactors(DefaultMFAAdapter):  # type: ignore[misc]
    """allauth's secrets lie in the database as ours do."""

    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _fernet().decrypt(encrypted_text.encode()).decode()

    def get_totp_issuer(self) -> str:
        return "Uptime"


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])


def _webauthn() -> Any:
    """allauth's side of security keys, loaded with the first of them: it takes 4 MB along."""
    return import_module("allauth.mfa.webauthn.internal.auth")


# --- asking ---


def are_on(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type__in=[TOTP_APP, KEY]).exists())


def of(user: User) -> dict[str, Any]:
    """What the page shows: the app's row or None, the keys, and how many recovery codes are left."""
    rows = list(Authenticator.objects.filter(user=user).order_by("created_at"))
    recovery = next((row.wrap() for row in rows if row.type == RECOVERY), None)
    return {
        "app": next((row for row in rows if row.type == TOTP_APP), None),
        "own_keys": [row for row in rows if row.type == KEY],
        "codes_left": len(recovery.get_unused_codes()) if recovery else 0,
    }


def check_code(*, user: User, code: str) -> None:
    """A code of the app or a recovery code, each good once. Raises ``WrongCode`` or ``Locked``."""
    _count_try(user)
    code = "".join(code.split())
    with transaction.atomic():
        rows = Authenticator.objects.select_for_update().filter(user=user, type__in=[TOTP_APP, RECOVERY])
        found = next((row for row in rows if _fits(row, code)), None)
        if found:
            found.record_usage()
    if found is None:
        logger.warning("A wrong code of person %s", user.pk)
        raise WrongCode
    _forget_tries(user)


def _fits(row: Authenticator, code: str) -> bool:
    if row.type == RECOVERY:
        return bool(row.wrap().validate_code(code))
    counter = matching_counter(decrypt(row.data["secret"]), code)
    if counter is None or counter <= row.data.get("last_counter", -1):
        return False
    row.data["last_counter"] = counter
    row.save(update_fields=["data"])
    return True


def matching_counter(secret: str, code: str) -> int | None:
    """The step of time that a code belongs to: the present one or a neighbour, for clocks differ."""
    if not code.isascii():
        return None
    for step in yield_hotp_counters_from_time():
        if constant_time_compare(format_hotp_value(hotp_value(secret, step)), code):
            return int(step)
    return None


def begin_key(user: User) -> dict[str, Any]:
    """The challenge for the browser; its counterpart waits in the session."""
    return dict(_webauthn().begin_authentication(user))


def check_key(*, user: User, credential: Any) -> None:
    _count_try(user)
    webauthn = _webauthn()
    try:
        webauthn.parse_authentication_response(credential)
        row = webauthn.complete_authentication(user, credential)
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise WrongCode from error
    row.record_usage()
    _forget_tries(user)


def _count_try(user: User) -> None:
    for door, limit in SECOND_FACTOR.items():
        counted = tries.count(door=door, who=str(user.pk), span=limit.span)
        if counted.number > limit.tries:
            raise Locked(wait=counted.wait_s)


def _forget_tries(user: User) -> None:
    for door in SECOND_FACTOR:
        tries.forget(door=door, who=str(user.pk))


# --- switching on and off ---


@transaction.atomic
def add_app(*, user: User, secret: str, code: str) -> list[str]:
    """Codes of an app from now on. Gives the recovery codes when there were none before."""
    User.objects.select_for_update().get(pk=user.pk)
    counter = matching_counter(secret, "".join(code.split()))
    if counter is None:
        raise ValidationError({"code": WrongCode.default_detail})
    Authenticator.objects.filter(user=user, type=TOTP_APP).delete()
    row = TOTP.activate(user, secret).instance
    row.data["last_counter"] = counter
    row.save(update_fields=["data"])
    audit.account(user, "second factor added", factor="an authenticator app")
    return _first_codes(user)


@transaction.atomic
def add_key(*, user: User, name: str, credential: Any) -> list[str]:
    """A security key or a passkey, as second factor."""
    User.objects.select_for_update().get(pk=user.pk)
    webauthn = _webauthn()
    try:
        webauthn.parse_registration_response(credential)
        webauthn.complete_registration(credential)
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValidationError(say("The browser's answer did not fit what was asked. Try again.")) from error
    webauthn.WebAuthn.add(user, name, credential)
    audit.account(user, "second factor added", factor=name)
    return _first_codes(user)


def begin_adding_key(user: User) -> dict[str, Any]:
    return dict(_webauthn().begin_registration(user, False))


@transaction.atomic
def remove(*, user: User, pk: int) -> None:
    """Without another factor the recovery codes go as well: they would be a first factor's only companion."""
    found = Authenticator.objects.filter(user=user, pk=pk, type__in=[TOTP_APP, KEY]).first()
    if found is None:
        return
    audit.account(user, "second factor removed", factor=str(found))
    found.delete()
    if not are_on(user):
        Authenticator.objects.filter(user=user).delete()


@transaction.atomic
def remove_all(*, user: User, by: User | None = None) -> None:
    gone, _ = Authenticator.objects.filter(user=user).delete()
    if gone:
        audit.account(user, "all second factors removed", by=by)


@transaction.atomic
def new_codes(user: User) -> list[str]:
    """Ten fresh recovery codes; the ones before them are void. They are shown this once."""
    audit.account(user, "recovery codes made")
    User.objects.select_for_update().get(pk=user.pk)
    Authenticator.objects.filter(user=user, type=RECOVERY).delete()
    return list(RecoveryCodes.activate(user).get_unused_codes())


def _first_codes(user: User) -> list[str]:
    return [] if Authenticator.objects.filter(user=user, type=RECOVERY).exists() else new_codes(user)
