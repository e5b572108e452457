"""Settings, Team: members, roles, invitations, and which of one's teams is worked in."""

from __future__ import annotations

from functools import cached_property
from math import ceil
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.generic import View

from accounts import selectors
from accounts.access.throttles import ScopedThrottle
from accounts.acting import TEAM_IN_SESSION
from accounts.exceptions import InvitationGone, LastOwner
from accounts.models import Invitation, Membership, User
from accounts.rules import Role
from accounts.services import sessions, teams
from common.languages import spoken
from dashboard.forms.team import ROLES, InviteForm, NameForm, TransferForm
from dashboard.views.base import TeamView, taken


class TeamPage(TeamView):
    change_needs = Role.VIEWER

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.team_page()

    def team_page(self, *, invite: forms.Form | None = None, rename: forms.Form | None = None) -> HttpResponse:
        team, owner = self.membership.team, self.membership.allows(Role.OWNER)
        return self.show(
            "dashboard/team.html",
            me=self.membership,
            is_owner=owner,
            members=selectors.members_of(team),
            roles=ROLES,
            invitations=selectors.invitations_of(team) if owner else [],
            invite_form=invite or InviteForm(),
            rename_form=rename or NameForm(initial={"name": team.name}),
        )


class OwnerAction(TeamPage):
    """A button or a form of the team's page, for its owners."""

    http_method_names = ["post"]
    change_needs = Role.OWNER

    def back(self, said: str) -> HttpResponseBase:
        messages.success(self.request, said)
        return redirect("team")


class TeamRename(OwnerAction):
    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = NameForm(request.POST)
        if taken(form, lambda: teams.rename_team(self.membership.team, name=form.cleaned_data["name"])):
            return self.back(_("Saved."))
        return self.team_page(rename=form)


class TeamInvite(OwnerAction):
    throttle_scope = "invite"

    def post(self, request: HttpRequest) -> HttpResponseBase:
        throttle, form = ScopedThrottle(), InviteForm(request.POST)
        if not throttle.allow_request(request, self):
            form.add_error(None, _("Too many invitations. Try again in %s seconds.") % ceil(throttle.wait()))
            return self.team_page(invite=form)
        team, by = self.membership.team, self.membership.user
        if taken(form, lambda: teams.invite(team=team, by=by, **form.cleaned_data)):
            return self.back(_("The invitation is on its way."))
        return self.team_page(invite=form)


class InvitationAction(OwnerAction):
    @cached_property
    def invitation(self) -> Invitation:
        return get_object_or_404(selectors.invitations_of(self.membership.team), pk=self.kwargs["pk"])


class InvitationAgain(InvitationAction):
    throttle_scope = "invite"

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        invitation = self.invitation
        if not ScopedThrottle().allow_request(request, self):
            messages.error(request, _("Too many invitations. Try again later."))
            return redirect("team")
        try:
            teams.send_again(invitation)
        except InvitationGone as error:
            messages.error(request, spoken(error.detail))
            return redirect("team")
        return self.back(_("A new link is on its way; the one before it is dead."))


class InvitationRevoke(InvitationAction):
    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        teams.revoke_invitation(self.invitation)
        return self.back(_("The invitation is withdrawn."))


class MemberAction(OwnerAction):
    @cached_property
    def member(self) -> Membership:
        return get_object_or_404(selectors.members_of(self.membership.team), user_id=self.kwargs["pk"])

    def attempt(self, act: Any, said: str) -> HttpResponseBase:
        try:
            act()
        except LastOwner as error:
            messages.error(self.request, spoken(error.detail))
            return redirect("team")
        self._stay()
        return self.back(said)

    def _stay(self) -> None:
        """Whoever changed their own role has ended their own sessions, too; this browser goes on."""
        me = self.membership.user
        before = me.session_epoch
        me.refresh_from_db(fields=["session_epoch"])
        if me.session_epoch != before:
            sessions.stay(self.request, me)


class MemberRole(MemberAction):
    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        member, role = self.member, request.POST.get("role", "")
        if role not in set(Role):
            messages.error(request, _("Choose a role."))
            return redirect("team")
        by = self.membership.user
        return self.attempt(lambda: teams.change_role(member, role=role, by=by), _("The role is changed."))


class MemberRemove(MemberAction):
    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        member = self.member
        return self.attempt(lambda: teams.remove(member), _("%s is no member any more.") % member.user.email)


class TeamTransfer(MemberAction):
    """Hand the team over to one of its members, on a page that says what that means."""

    http_method_names = ["get", "post"]
    look_needs = Role.OWNER

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(TransferForm(self._others()))

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        form = TransferForm(self._others(), request.POST)

        def act() -> Membership:
            to = get_object_or_404(self._others(), user_id=form.cleaned_data["user"])
            teams.transfer(self.membership, to=to)
            return to

        if to := taken(form, act):
            self._stay()
            return self.back(_("The team is in the hands of %s now; you are an editor.") % to.user.email)
        return self._page(form)

    def _others(self) -> QuerySet[Membership]:
        members = selectors.members_of(self.membership.team).filter(user__is_active=True)
        return members.exclude(pk=self.membership.pk)

    def _page(self, form: TransferForm) -> HttpResponse:
        return self.show("dashboard/team_transfer.html", form=form, team=self.membership.team)


class TeamLeave(MemberAction):
    http_method_names = ["get", "post"]
    change_needs = Role.VIEWER

    def get(self, request: HttpRequest) -> HttpResponse:
        heading = _("Leave %s?") % self.membership.team.name
        words = _("You see nothing of it any more, and your tokens for it end. Only a new invitation brings you back.")
        return self.confirm(heading, words, reverse("team"), button=_("Leave this team"))

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponseBase:
        return self.attempt(lambda: teams.leave(self.membership), _("You have left the team."))


class TeamDelete(TeamView):
    look_needs = change_needs = Role.OWNER

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(NameForm())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form, team = NameForm(request.POST), self.membership.team

        def act() -> bool:
            teams.delete_team(team, name=form.cleaned_data["name"])
            return True

        if taken(form, act):
            messages.success(request, _("%s is deleted.") % team.name)
            return redirect("dashboard")
        return self._page(form)

    def _page(self, form: NameForm) -> HttpResponse:
        return self.show("dashboard/team_delete.html", form=form, team=self.membership.team)


class TeamNew(LoginRequiredMixin, View):
    """Also for somebody who is in no team at present."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "dashboard/team_new.html", {"form": NameForm()})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form, user = NameForm(request.POST), cast(User, request.user)
        team = taken(form, lambda: teams.create_team(name=form.cleaned_data["name"], owner=user))
        if team is None:
            return render(request, "dashboard/team_new.html", {"form": form})
        return _work_in(request, user.memberships.get(team=team))


class TeamSwitch(LoginRequiredMixin, View):
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Only among one's own teams; anything else changes nothing."""
        known = selectors.memberships_of(cast(User, request.user))
        wanted = next((one for one in known if str(one.team_id) == request.POST.get("team")), None)
        return _work_in(request, wanted) if wanted else redirect("dashboard")


def _work_in(request: HttpRequest, membership: Membership) -> HttpResponseBase:
    request.session[TEAM_IN_SESSION] = str(membership.team_id)
    teams.choose_team(membership)
    return redirect("dashboard")
