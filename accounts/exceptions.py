"""What accounts refuses, in words for the person who asked. ``uptime.errors`` turns them into answers."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from rest_framework.exceptions import AuthenticationFailed


class RegistrationClosed(PermissionDenied):
    code = "registration_closed"

    def __init__(self) -> None:
        super().__init__("Registration is closed on this server. Ask its operator for an account.")


class NoTeam(PermissionDenied):
    code = "no_team"

    def __init__(self) -> None:
        super().__init__("This account belongs to no team. Ask an operator to add it to one.")


class WrongCredentials(AuthenticationFailed):
    """Says the same for an unknown address, a wrong password and an account that was switched off."""

    default_code = "wrong_credentials"
    default_detail = "The e-mail address or the password is wrong."


class TokenRefused(AuthenticationFailed):
    """Says the same for a broken, an expired, a used-up and an ended token."""

    default_code = "token_refused"
    default_detail = "This token is not valid, or no longer. Sign in again."
