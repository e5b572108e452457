"""Users and teams for the operator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from accounts import audit
from accounts.desk import HeavyAdmin, ReadOnly, Told, as_uuid, found_in_time
from accounts.forms import NewUserForm, UserForm
from accounts.models import AuditEntry, Membership, Team, User
from accounts.selectors import teams_left_without_owner
from accounts.services import factors, people, sessions, teams

for theirs in (EmailAddress, Authenticator, UserSession):
    admin.site.unregister(theirs)  # kept by services; a form over a sealed secret helps nobody

OPERATORS = "operators"
"""What to look for, to find what they did to things that belong to no team."""

WAYS_IN = {"password", "is_active", "is_staff", "is_superuser", "user_permissions"}


class WithMembers(Told):
    """A person whose role is changed or taken away in the admin has to sign in again."""

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        gone: list[Membership] = [row.instance for row in formset.deleted_forms if row.instance.pk]
        for membership in gone:
            teams.part_with(membership, "removed")
        super().save_formset(request, form, formset, change)
        changed = [row for row in formset.forms if row.instance.pk and "role" in row.changed_data]
        for row in changed:
            before = row.initial.get("role")
            audit.changed(row.instance, {"role": before}, "role changed" if before else "joined")
        for membership in (*gone, *(row.instance for row in changed)):
            sessions.end_sessions(user=membership.user)


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields = ["user", "team"]


@admin.register(User)
class PersonAdmin(WithMembers, HeavyAdmin[User], UserAdmin):  # type: ignore[type-arg]
    form = UserForm
    add_form = NewUserForm
    inlines = [MembershipInline]
    actions = ["remove_factors"]
    list_display = ["email", "name", "is_active", "is_staff", "created_at", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "memberships__role", "created_at"]
    search_fields = ["pk"]
    search_help_text = "the id of a person or of a team of theirs, or the beginning of the e-mail address"
    ordering = ["email"]
    readonly_fields = ["created_at", "last_login", "email_confirmed_at"]
    filter_horizontal = ["user_permissions"]
    fieldsets = [
        (None, {"fields": ["email", "name", "password"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "user_permissions"]}),
        ("Times", {"fields": ["created_at", "last_login", "email_confirmed_at"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "usable_password", "password1", "password2"]})]

    def find(self, term: str) -> Q:
        key = as_uuid(term)
        if key:
            return Q(pk=key) | Q(pk__in=Membership.objects.filter(team=key).values("user"))
        return Q(email__startswith=User.objects.clean_email(term))

    def tell(self, thing: User, verb: str, **facts: Any) -> None:
        audit.account(thing, verb, **facts)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        """A new person gets a team, as at sign-up; whose way in or rights were changed is out everywhere."""
        if "email" in form.changed_data:
            obj.email_confirmed_at = None
        super().save_model(request, obj, form, change)
        if not change:
            people.give_personal_team(user=obj)
        elif WAYS_IN & set(form.changed_data):
            sessions.end_sessions(user=obj)

    def kept_back(self, chosen: Iterable[User]) -> list[str]:
        return [
            f"{user} is the only owner of the team {team}: make somebody else an owner first"
            for user in chosen
            for team in teams_left_without_owner(user)
        ]

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        people.delete_account(user=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            people.delete_account(user=user)

    @admin.action(description="Remove the second factors of the chosen people", permissions=["change"])
    def remove_factors(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """For who has lost the app, the key and the recovery codes. Be sure who is asking."""
        for person in chosen:
            factors.remove_all(user=person)
            sessions.end_sessions(user=person)
            people.tell_of_change(user=person)
        self.message_user(request, "The second factors are removed, and those people signed out.", messages.SUCCESS)


@admin.register(Team)
class TeamAdmin(WithMembers, HeavyAdmin[Team]):
    inlines = [MembershipInline]
    list_display = ["name", "id", "created_at"]
    list_filter = ["created_at"]
    search_help_text = "the id of a team, the e-mail address of a member, or a part of the name"
    readonly_fields = ["created_at"]

    def find(self, term: str) -> Q:
        if key := as_uuid(term):
            return Q(pk=key)
        if "@" in term:
            return Q(pk__in=Membership.objects.filter(user__email=User.objects.clean_email(term)).values("team"))
        return found_in_time(Team.objects.filter(name__icontains=term))

    def delete_model(self, request: HttpRequest, obj: Team) -> None:
        teams.delete_team(obj, name=obj.name)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Team]) -> None:
        for team in queryset:
            teams.delete_team(team, name=team.name)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, HeavyAdmin[AuditEntry]):
    """The logs of all teams, also of those that are gone, and of what operators do to what belongs to none."""

    list_display = ["at", "team_id", "actor", "verb", "kind", "name", "address"]
    search_help_text = f"the id of a team, the e-mail address of a member, or: {OPERATORS}"

    def find(self, term: str) -> Q | None:
        if term == OPERATORS:
            return Q(team_id=audit.INSTALLATION)
        if key := as_uuid(term):
            return Q(team_id=key)
        if "@" in term:
            return Q(team_id__in=Membership.objects.filter(user__email=User.objects.clean_email(term)).values("team"))
        return None
