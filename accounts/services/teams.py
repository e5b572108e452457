"""Changing teams: who is in them, with which role, and who is invited.

Whoever changes the members of a team locks its row first, so that two at once cannot leave it without an owner.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from secrets import token_urlsafe
from smtplib import SMTPException

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import transaction
from django.http import Http404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.exceptions import AnotherPerson, InvitationGone, LastOwner
from accounts.models import ApiKey, Invitation, Membership, Team, User, UserManager
from accounts.rules import Role, fingerprint, one_line
from accounts.selectors import open_invitation
from accounts.services import sessions
from common import doorbell
from probes.names import ALERTS_QUEUE
from probes.sentences import say

NAME_LENGTH = 120
MOST_TEAMS = 50
"""That one person may be in."""

MOST_MEMBERS = 500
MOST_INVITATIONS = 100
VALID_FOR = timedelta(days=7)
MOST_TRIES = 5
AGAIN_AFTER = timedelta(minutes=5)
SEND_INVITATIONS = "accounts.send_invitations"

logger = logging.getLogger(__name__)


# --- teams ---


@transaction.atomic
def create_team(*, name: str, owner: User) -> Team:
    if owner.memberships.count() >= MOST_TEAMS:
        raise ValidationError({"name": [say("nobody is in more than {most} teams", most=MOST_TEAMS)]})
    team = Team.objects.create(name=_name(name))
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    _forget_known(owner)
    audit.created(team)
    return team


@transaction.atomic
def rename_team(team: Team, *, name: str) -> Team:
    team = _locked(team)
    before = audit.picture(team)
    team.name = _name(name)
    team.save(update_fields=["name"])
    audit.changed(team, before, "renamed")
    return team


@transaction.atomic
def delete_team(team: Team, *, name: str) -> None:
    """With all that it owns; its audit log stays for the operators. ``name`` is typed by whoever deletes it."""
    team = _locked(team)
    if name.strip() != team.name:
        raise ValidationError({"name": [say("type the name of the team, {name}, to delete it", name=team.name)]})
    audit.deleted(team)
    team.delete()


def choose_team(membership: Membership) -> None:
    """Let the person's next browser sessions begin with this team."""
    User.objects.filter(pk=membership.user_id).update(last_team=membership.team_id)


# --- members ---


@transaction.atomic
def change_role(membership: Membership, *, role: str, by: User | None) -> Membership:
    """Counts from the member's next request, which is a new log-in. Raises ``LastOwner``."""
    membership = _locked_member(membership)
    before = audit.picture(membership)
    _check_role(role, by)
    if membership.role == Role.OWNER and role != Role.OWNER:
        _keep_an_owner(membership)
    membership.role = role
    if audit.picture(membership) != before:
        membership.save(update_fields=["role"])
        audit.changed(membership, before, "role changed")
        sessions.end_sessions(user=membership.user)
    return membership


@transaction.atomic
def remove(membership: Membership) -> None:
    """Take somebody out, and end all their sessions. Raises ``LastOwner``."""
    membership = _sure_to_go(membership)
    part_with(membership, "removed")
    membership.delete()
    sessions.end_sessions(user=membership.user)


@transaction.atomic
def leave(membership: Membership) -> None:
    """Who goes of their own will stays signed in. Raises ``LastOwner``."""
    membership = _sure_to_go(membership)
    part_with(membership, "left")
    membership.delete()


def _sure_to_go(membership: Membership) -> Membership:
    membership = _locked_member(membership)
    if membership.role == Role.OWNER:
        _keep_an_owner(membership)
    return membership


def part_with(membership: Membership, verb: str) -> None:
    """Before it is deleted: their tokens for the team end for good, and its log says so."""
    audit.record(membership, verb, before=audit.picture(membership))
    now = timezone.now()
    ApiKey.objects.filter(team=membership.team, user=membership.user, revoked_at=None).update(revoked_at=now)
    _forget_known(membership.user)


@transaction.atomic
def transfer(membership: Membership, *, to: Membership) -> None:
    """Hand the team over: ``to`` becomes an owner, the present one an editor. Both have to sign in again."""
    to, membership = _locked_member(to), _locked_member(membership)
    if to.pk == membership.pk:
        raise ValidationError({"user": [say("choose somebody else")]})
    if not to.user.is_active:
        raise ValidationError({"user": [say("this account is switched off")]})
    if to.team_id != membership.team_id:
        raise Http404
    for one, role in ((to, Role.OWNER), (membership, Role.EDITOR)):
        before = audit.picture(one)
        one.role = role
        one.save(update_fields=["role"])
        audit.changed(one, before, "role changed")
        sessions.end_sessions(user=one.user)


# --- invitations ---


@transaction.atomic
def invite(*, team: Team, email: str, role: str, by: User | None) -> Invitation:
    """Ask somebody in by mail. The answer is the same whether or not the address has an account."""
    team = _locked(team)
    email, now = UserManager.clean_email(email), timezone.now()
    _check_role(role, by)
    _check_address(team, email, now)
    invitation = Invitation(team=team, email=email, role=role, invited_by=by)
    invitation.expires_at, invitation.mail_due_at = now + VALID_FOR, now
    invitation.save(force_insert=True)
    audit.created(invitation)
    doorbell.ring(SEND_INVITATIONS, queue=ALERTS_QUEUE)
    return invitation


def _check_address(team: Team, email: str, now: datetime) -> None:
    try:
        validate_email(email)
    except ValidationError:
        raise ValidationError({"email": [say("This is no e-mail address.")]}) from None
    if team.memberships.filter(user__email=email).exists():
        raise ValidationError({"email": [say("This person is in the team already.")]})
    waiting = team.invitations.filter(accepted_at=None, revoked_at=None)
    waiting.filter(expires_at__lte=now).update(revoked_at=now, mail_due_at=None)
    if waiting.filter(email=email).exists():
        raise ValidationError({"email": [say("This address is invited already; send the invitation again instead.")]})
    if waiting.count() >= MOST_INVITATIONS or team.memberships.count() >= MOST_MEMBERS:
        raise ValidationError({"email": [say("The team is full: withdraw an invitation first.")]})


@transaction.atomic
def send_again(invitation: Invitation) -> Invitation:
    """A new mail with a new link and seven more days; the link before it is dead."""
    invitation, now = _locked_invitation(invitation), timezone.now()
    invitation.expires_at, invitation.mail_due_at, invitation.mail_tries = now + VALID_FOR, now, 0
    invitation.token_key = invitation.sent_at = None
    invitation.save()
    audit.done(invitation, "sent again")
    doorbell.ring(SEND_INVITATIONS, queue=ALERTS_QUEUE)
    return invitation


@transaction.atomic
def revoke_invitation(invitation: Invitation) -> None:
    invitation = _locked_invitation(invitation)
    invitation.revoked_at, invitation.token_key, invitation.mail_due_at = timezone.now(), None, None
    invitation.save()
    audit.done(invitation, "revoked")


@transaction.atomic
def accept(*, token: str, user: User) -> Membership:
    """Become a member, once. Only the account of the invited address can: a forwarded mail lets nobody else in."""
    invitation = open_invitation(token, now=timezone.now())
    if invitation is None:
        raise InvitationGone
    invitation = _locked_invitation(invitation)
    if invitation.email != user.email:
        raise AnotherPerson
    membership, new = Membership.objects.get_or_create(
        team=invitation.team, user=user, defaults={"role": invitation.role}
    )
    invitation.accepted_at, invitation.token_key, invitation.mail_due_at = timezone.now(), None, None
    invitation.save()
    _forget_known(user)
    choose_team(membership)
    if new:
        audit.record(membership, "joined", after=audit.picture(membership), by=user)
    return membership


def send_invitations(*, now: datetime) -> int:
    """Send the mails that are due; says how many went. The token is made here, and stands nowhere but in the mail."""
    sent = 0
    while claimed := _claim_mail(now):
        invitation, token = claimed
        try:
            _mail(invitation, token).send()
        except (SMTPException, OSError) as error:
            logger.warning("An invitation could not be mailed (try %s): %s", invitation.mail_tries, error)
            continue
        mailed = Invitation.objects.filter(pk=invitation.pk, token_key=invitation.token_key)
        mailed.update(mail_due_at=None, sent_at=now)
        sent += 1
    return sent


@transaction.atomic
def _claim_mail(now: datetime) -> tuple[Invitation, str] | None:
    """One whose mail is due, with a fresh token. If we die before it is sent, it is due again by itself."""
    due = Invitation.objects.open(now).filter(mail_due_at__lte=now).select_related("team", "invited_by")
    invitation = due.select_for_update(skip_locked=True, of=("self",)).first()
    if invitation is None:
        return None
    token = token_urlsafe(24)
    invitation.token_key = fingerprint(token)
    invitation.mail_tries += 1
    invitation.mail_due_at = now + AGAIN_AFTER if invitation.mail_tries < MOST_TRIES else None
    invitation.save()
    return invitation, token


def _mail(invitation: Invitation, token: str) -> EmailMessage:
    link = settings.SITE_URL + reverse("invitation", kwargs={"token": token})
    words = {"invitation": invitation, "link": link, "days": VALID_FOR.days}
    subject = one_line(_("Invitation to the team %(team)s on Uptime") % {"team": invitation.team.name[:60]})
    return EmailMessage(subject, render_to_string("accounts/invitation.txt", words), to=[invitation.email])


# --- what several of them need ---


def _locked(team: Team) -> Team:
    """One change of a team's people at a time. 404 for a team that has been deleted meanwhile."""
    found = Team.objects.select_for_update(no_key=True).filter(pk=team.pk).first()
    if found is None:
        raise Http404
    return found


def _locked_member(membership: Membership) -> Membership:
    """As it is now, under the team's lock."""
    _locked(membership.team)
    found = Membership.objects.select_related("team", "user").filter(pk=membership.pk).first()
    if found is None:
        raise Http404
    return found


def _locked_invitation(invitation: Invitation) -> Invitation:
    """As it is now, under the team's lock. ``InvitationGone`` when it has been used or revoked meanwhile."""
    _locked(invitation.team)
    waiting = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None)
    found = waiting.select_related("team").first()
    if found is None:
        raise InvitationGone
    return found


def _keep_an_owner(membership: Membership) -> None:
    others = membership.team.memberships.filter(role=Role.OWNER, user__is_active=True).exclude(pk=membership.pk)
    if not others.exists():
        raise LastOwner


def _check_role(role: str, by: User | None) -> None:
    if role not in set(Role):
        raise ValidationError({"role": [say("must be one of {names}", names=", ".join(Role))]})
    if role == Role.OWNER and by is None:
        raise ValidationError({"role": [say("only a person makes somebody an owner, not a team's key")]})


def _name(name: str) -> str:
    plain = one_line(name)
    if not plain or len(plain) > NAME_LENGTH:
        raise ValidationError({"name": [say("must have from 1 to {most} characters", most=NAME_LENGTH)]})
    return plain


def _forget_known(user: User) -> None:
    user.present_membership = user.known_memberships = None
