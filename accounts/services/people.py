"""People and their passwords: signing up, proving who one is, changing one's own account, leaving."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.exceptions import (
    InvitationGone,
    Locked,
    NotConfirmed,
    RegistrationClosed,
    SecondFactorRequired,
    WrongCredentials,
)
from accounts.models import Letter, Team, User
from accounts.rules import ANYWHERE, HERE, RESETS, zone_names
from accounts.selectors import open_invitation, teams_left_without_owner, teams_of_one
from accounts.services import factors, letters, sessions, teams, tries
from probes.sentences import say

logger = logging.getLogger(__name__)

ALREADY = say("This e-mail address already has an account.")
NO_PASSWORD = say("This account has no password yet. Set one first, by “Forgot your password?” on the log-in page.")


def sign_up(*, email: str, password: str, name: str = "", time_zone: str = "") -> User:
    """Create a person and the team of one that they own. Refused while registration is closed."""
    if not settings.REGISTRATION_OPEN:
        raise RegistrationClosed
    with transaction.atomic():
        user = create_person(email=email, password=password, name=name, time_zone=time_zone)
        Team.objects.create_personal(user)
        letters.leave(Letter.Kind.CONFIRM, to=user.email)
    return user


@transaction.atomic
def sign_up_invited(*, token: str, password: str, name: str = "") -> User:
    """Create the person that an invitation is for, in the team that invites; also while registration is closed.

    The invitation came by mail, so the address is confirmed.
    """
    invitation = open_invitation(token, now=timezone.now())
    if invitation is None:
        raise InvitationGone
    user = create_person(email=invitation.email, password=password, name=name, confirmed_at=timezone.now())
    teams.accept(token=token, user=user)
    return user


def create_person(
    *, email: str, password: str | None, name: str, time_zone: str = "", confirmed_at: datetime | None = None
) -> User:
    """Without a password one comes in by another way, until one sets one by mail."""
    zone = time_zone if time_zone in zone_names() else "UTC"
    user = User(
        email=User.objects.clean_email(email), name=name.strip(), time_zone=zone, email_confirmed_at=confirmed_at
    )
    user.clean_fields(exclude=["password"])
    if password is not None:
        check_password_strength(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        # No look before the leap: of two sign-ups at once with one address the database picks the winner.
        raise ValidationError({"email": ALREADY}) from error
    return user


def ask_to_join(*, email: str, password: str, name: str = "", time_zone: str = "") -> None:
    """Sign up where addresses are confirmed first: whether there was an account, only the mailbox learns.

    Raises ``ValidationError`` for what is wrong with any address: a bad form, a weak password.
    """
    try:
        sign_up(email=email, password=password, name=name, time_zone=time_zone)
    except ValidationError as error:
        if not _is_taken(error):
            raise
        _tell_owner(User.objects.clean_email(email))


def come_straight_in(*, email: str, password: str, name: str = "", time_zone: str = "") -> User:
    """Sign up where nobody has to wait for a mail. Whether an address was free then shows; its owner hears of it."""
    try:
        return sign_up(email=email, password=password, name=name, time_zone=time_zone)
    except ValidationError as error:
        if _is_taken(error):
            _tell_owner(User.objects.clean_email(email))
        raise


def _is_taken(error: ValidationError) -> bool:
    return bool(error.message_dict.get("email") == [ALREADY])


def _tell_owner(email: str) -> None:
    """That somebody, perhaps they themselves, tried to sign up with their address; a few times in an hour."""
    if tries.count(door="already", who=email, span=RESETS.span).number <= RESETS.tries:
        letters.leave(Letter.Kind.ALREADY, to=email)


def give_personal_team(*, user: User) -> Team:
    return Team.objects.create_personal(user)


def check_password_strength(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error


def check_credentials(*, email: str, password: str, place: str = "") -> User:
    """Who this is; ``place`` is where the try comes from.

    Tries are counted before they are made, so that many at once get no further than one after another. Django hashes
    the password even for an unknown address, which is counted as well: neither time nor limit tells who has an account.
    """
    email = User.objects.clean_email(email)
    _count_try(email, place)
    user = authenticate(username=email, password=password)
    if not isinstance(user, User):
        logger.warning("A wrong password, or an unknown account, at %s", place or "an unknown place")
        raise WrongCredentials
    tries.forget(door="password", who=email, place=place)
    tries.give_back(door="password-day", who=email)
    return user


def _count_try(email: str, place: str) -> None:
    here = tries.count(door="password", who=email, place=place, span=HERE.span)
    if here.number == HERE.tries + 1:
        letters.leave(Letter.Kind.LOCKED, to=email)
    if here.number > HERE.tries:
        raise Locked(wait=here.wait_s)
    anywhere = tries.count(door="password-day", who=email, span=ANYWHERE.span)
    if anywhere.number == ANYWHERE.tries + 1:
        letters.leave(Letter.Kind.LOCKED, to=email)
    if anywhere.number > ANYWHERE.tries:
        raise Locked(wait=anywhere.wait_s)


def check_password(*, user: User, password: str, place: str = "") -> None:
    """That it is still the owner who sits there, before something grave. Counts like a log-in."""
    if not user.has_usable_password():
        raise ValidationError({"password": NO_PASSWORD})
    try:
        check_credentials(email=user.email, password=password, place=place)
    except WrongCredentials as error:
        raise ValidationError({"password": say("This is not your password.")}) from error


def check_second_factor(*, user: User, code: str | None) -> None:
    """For programs. Raises ``SecondFactorRequired``, ``WrongCode`` or ``Locked``."""
    if not factors.are_on(user):
        return
    if not code:
        raise SecondFactorRequired
    factors.check_code(user=user, code=code)


def check_confirmed(*, user: User) -> None:
    """Where addresses must be confirmed before one may come in; the link is sent once more."""
    if settings.EMAIL_VERIFICATION == "mandatory" and not user.email_confirmed_at:
        if not Letter.objects.filter(kind=Letter.Kind.CONFIRM, to=user.email).exists():
            letters.leave(Letter.Kind.CONFIRM, to=user.email)
        raise NotConfirmed


PREFERENCES = ("name", "time_zone", "language", "theme", "shortcuts")


def set_preferences(*, user: User, **given: Any) -> None:
    """Any of ``PREFERENCES``, as the form has checked them."""
    for name, value in given.items():
        setattr(user, name, value.strip() if name == "name" else value)
    user.save(update_fields=list(given))


def tell_of_change(*, user: User) -> None:
    """A mail that something about the way in has changed: whoever did not do it should hear of it."""
    letters.leave(Letter.Kind.CHANGED, to=user.email)


@transaction.atomic
def change_password(*, user: User, password: str) -> None:
    """Set a new password and end every session of the user, in browsers as well.

    Sessions carry Django's mark of the password and end with it. A view that wants to keep its own calls
    ``sessions.stay`` afterwards. Whoever was locked out by others' guesses is let in again.
    """
    _set_password(user, password)
    audit.account(user, "password changed")


def _set_password(user: User, password: str) -> None:
    check_password_strength(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    sessions.end_sessions(user=user)
    for door in ("password", "password-day"):
        tries.forget(door=door, who=user.email)
    tell_of_change(user=user)


@transaction.atomic
def reset_password(*, user: User, password: str) -> None:
    """With the link from a mail, which also shows whose address it is.

    Who signed up with somebody else's address could bar the owner with a second factor of their own: where the
    address is confirmed only now, the factors set up before do not count.
    """
    _set_password(user, password)
    audit.account(user, "password reset", by=user)
    if user.email_confirmed_at is None:
        factors.remove_all(user=user, by=user)
        user.email_confirmed_at = timezone.now()
        user.save(update_fields=["email_confirmed_at"])


def ask_for_reset(*, email: str) -> None:
    """The same work for an address that has an account and for one that has none. A mailbox gets a few in an hour."""
    email = User.objects.clean_email(email)
    if tries.count(door="reset", who=email, span=RESETS.span).number <= RESETS.tries:
        letters.leave(Letter.Kind.RESET, to=email)


@transaction.atomic
def ask_for_email(*, user: User, email: str) -> None:
    """Mail a link to a new address, or to the present one; nothing changes before it is followed.

    Where the address belongs to somebody else, they are told, and who asked is not.
    """
    email = User.objects.clean_email(email)
    User(email=email).clean_fields(exclude=["password"])
    if User.objects.filter(email=email).exclude(pk=user.pk).exists():
        letters.leave(Letter.Kind.ALREADY, to=email)
    else:
        letters.leave(Letter.Kind.CONFIRM, to=email, about=str(user.pk))


def confirm_email(*, token: str) -> User | None:
    """Follow the link from a mail. None when it is broken, too old, or overtaken by another change."""
    found = letters.read_email_token(token)
    if found is None:
        return None
    person_id, before, address = found
    try:
        with transaction.atomic():
            user = User.objects.select_for_update().filter(pk=person_id, email=before, is_active=True).first()
            if user is None:
                return None
            user.email, user.email_confirmed_at = address, timezone.now()
            user.save(update_fields=["email", "email_confirmed_at"])
            known = {"email": before} if address != before else None
            audit.account(user, "e-mail address confirmed", by=user, before=known, email=address)
            if address != before:
                letters.leave(Letter.Kind.CHANGED, to=before, about=str(user.pk))
    except IntegrityError:  # somebody else has taken the address meanwhile
        return None
    return user


def delete_account(*, user: User) -> None:
    """Delete the person and the teams that are theirs alone, with all that these hold.

    Raises ``ValidationError`` while a team of several would be left without an owner.
    """
    with transaction.atomic():
        mine = user.memberships.values_list("team_id", flat=True)
        list(Team.objects.select_for_update().filter(pk__in=list(mine)).order_by("pk"))
        if left := teams_left_without_owner(user):
            names = ", ".join(team.name for team in left)
            raise ValidationError(
                say("You are the only owner of {names}. Make somebody else an owner first.", names=names)
            )
        for team in teams_of_one(user):
            audit.deleted(team)
            team.delete()
        audit.account(user, "account deleted")
        user.delete()
