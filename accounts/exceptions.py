"""What accounts refuses, in words for the person who asked. ``uptime.errors`` turns them into answers."""

from __future__ import annotations

from math import ceil

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.exceptions import APIException, AuthenticationFailed, NotFound, Throttled

from probes.sentences import say


class RegistrationClosed(PermissionDenied):
    code = "registration_closed"

    def __init__(self) -> None:
        super().__init__(say("Registration is closed on this server. Ask its operator for an account."))


class NoTeam(PermissionDenied):
    code = "no_team"

    def __init__(self) -> None:
        super().__init__(say("This account belongs to no team. Ask an operator to add it to one."))


class WrongCredentials(AuthenticationFailed):
    """Says the same for an unknown address, a wrong password and an account that was switched off."""

    default_code = "wrong_credentials"
    default_detail = say("The e-mail address or the password is wrong.")


class TokenRefused(AuthenticationFailed):
    """Says the same for a broken, an expired, a used-up and an ended token."""

    default_code = "token_refused"
    default_detail = say("This token is not valid, or no longer. Sign in again.")


class NoSuchTeam(NotFound):
    """Says the same of a team of others and of one that never was."""

    default_code = "no_such_team"
    default_detail = say("X-Team names no team that these credentials may act for.")


class KeyRefused(TokenRefused):
    """Says the same for a broken, a revoked and an expired key, and for one whose owner has left."""

    default_code = "key_refused"
    default_detail = say("This API key is not valid, or no longer.")


class PeopleOnly(PermissionDenied):
    code = "people_only"

    def __init__(self) -> None:
        super().__init__(say("No API key or personal token may do this, whatever its scope: sign in as a person."))


class LastOwner(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "last_owner"
    default_detail = say("A team keeps at least one owner: make somebody else an owner first.")


class InvitationGone(NotFound):
    """Says the same for one that was used, revoked, replaced, that expired or never was."""

    default_code = "invitation_gone"
    default_detail = say("This invitation is not valid, or no longer. Ask for a new one.")


class AnotherPerson(PermissionDenied):
    code = "another_person"

    def __init__(self) -> None:
        super().__init__(say("This invitation is for another e-mail address. Log in with that one."))


class SecondFactorRequired(AuthenticationFailed):
    """Only said to somebody who knows the password."""

    default_code = "second_factor_required"
    default_detail = say("This account has a second factor: send a code of the app, or a recovery code, as otp.")


class WrongCode(AuthenticationFailed):
    default_code = "wrong_code"
    default_detail = say("This code is wrong, too old, or was used before.")


class Locked(Throttled):
    """Too many bad tries at one account, whether it exists or not. ``wait`` is in seconds."""

    default_code = "locked"
    default_detail = say("Too many tries. Wait, or set a new password by mail.")
    extra_detail_singular = extra_detail_plural = say("Again in {wait} s.")

    wait: int

    def __init__(self, wait: float) -> None:
        super().__init__(wait=ceil(wait))


class ElsewhereRefused(AuthenticationFailed):
    """By the provider that signs people in, or by us on what it says. The detail is for the person, and no more."""

    default_code = "sign_in_elsewhere_refused"
    default_detail = _("Signing in that way did not work. Try again, or log in with your password.")


class NotConfirmed(AuthenticationFailed):
    """Where the operator wants addresses confirmed first. Only said to somebody who knows the password."""

    default_code = "email_not_confirmed"
    default_detail = say("Confirm the e-mail address first: a link was sent to it.")
