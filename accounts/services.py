"""What changes accounts: people, their sessions, their passwords."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework_simplejwt.settings import api_settings as jwt_settings
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts import teams
from accounts.exceptions import InvitationGone, RegistrationClosed, TokenRefused, WrongCredentials
from accounts.models import ApiSession, Team, User
from accounts.selectors import live_api_session, open_invitation
from accounts.tokens import TokenPair, read_refresh


def sign_up(*, email: str, password: str, name: str = "") -> User:
    """Create a person and the team of one that they own. Refused while registration is closed."""
    if not settings.REGISTRATION_OPEN:
        raise RegistrationClosed
    with transaction.atomic():
        user = _create_person(email=email, password=password, name=name)
        Team.objects.create_personal(user)
    return user


@transaction.atomic
def sign_up_invited(*, token: str, password: str, name: str = "") -> User:
    """Create the person that an invitation is for, in the team that invites; also while registration is closed."""
    invitation = open_invitation(token, now=timezone.now())
    if invitation is None:
        raise InvitationGone
    user = _create_person(email=invitation.email, password=password, name=name)
    teams.accept(token=token, user=user)
    return user


def _create_person(*, email: str, password: str, name: str) -> User:
    user = User(email=User.objects.clean_email(email), name=name.strip())
    user.clean_fields(exclude=["password"])
    check_password_strength(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        # No look before the leap: of two sign-ups at once with one address the database picks the winner.
        raise ValidationError({"email": "This e-mail address already has an account."}) from error
    return user


def give_personal_team(*, user: User) -> Team:
    return Team.objects.create_personal(user)


def check_password_strength(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error


def check_credentials(*, email: str, password: str) -> User:
    """Who this is. Django hashes the password even for an unknown address, so that time tells nothing."""
    user = authenticate(username=email, password=password)
    if not isinstance(user, User):
        raise WrongCredentials
    return user


def rename(*, user: User, name: str) -> None:
    user.name = name.strip()
    user.save(update_fields=["name"])


@transaction.atomic
def change_password(*, user: User, password: str) -> None:
    """Set a new password and end every session of the user, in browsers as well.

    Django ends the browser sessions itself, by the mark of the password that each carries. A view that wants
    to keep its own calls ``update_session_auth_hash`` afterwards.
    """
    check_password_strength(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    end_api_sessions(user=user)


def open_api_session(*, user: User) -> TokenPair:
    session = ApiSession.objects.create(user=user, password_mark=user.get_session_auth_hash())
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
        end_api_session(session_id=session.id)
        raise TokenRefused
    ApiSession.objects.filter(id=session.id).update(renewed_at=timezone.now())
    return TokenPair.for_session(session.id)


def end_api_session(*, session_id: UUID) -> None:
    ApiSession.objects.filter(id=session_id, ended_at=None).update(ended_at=timezone.now())


def end_api_sessions(*, user: User) -> None:
    user.api_sessions.filter(ended_at=None).update(ended_at=timezone.now())


def forget_old_sessions(*, now: datetime) -> None:
    """Delete what no token in the world can refer to any more: sessions, used tokens, browser sessions."""
    ApiSession.objects.filter(renewed_at__lt=now - jwt_settings.REFRESH_TOKEN_LIFETIME).delete()
    OutstandingToken.objects.filter(expires_at__lt=now).delete()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
