"""Users and teams for the operator."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from accounts import factors, services
from accounts.forms import NewUserForm, UserForm
from accounts.models import Membership, Team, User

for theirs in (EmailAddress, Authenticator, UserSession):
    admin.site.unregister(theirs)  # kept by services; a form over a sealed secret helps nobody

WAYS_IN = {"password", "is_active", "is_staff", "is_superuser", "user_permissions"}


class EndsSessions(admin.ModelAdmin):  # type: ignore[type-arg]
    """Whoever's role is changed or taken in the admin signs in anew."""

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        changed = [row for row, names in getattr(formset, "changed_objects", []) if "role" in names]
        for membership in (*changed, *getattr(formset, "deleted_objects", [])):
            services.end_sessions(user=membership.user)


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields = ["user", "team"]


@admin.register(User)
class PersonAdmin(EndsSessions, UserAdmin):  # type: ignore[type-arg]
    form = UserForm
    add_form = NewUserForm
    inlines = [MembershipInline]
    actions = ["remove_factors"]
    list_display = ["email", "name", "is_active", "is_staff", "created_at", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "memberships__role", "created_at"]
    search_fields = ["email", "name", "teams__name"]
    ordering = ["email"]
    readonly_fields = ["created_at", "last_login", "email_confirmed_at"]
    filter_horizontal = ["user_permissions"]
    fieldsets = [
        (None, {"fields": ["email", "name", "password"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "user_permissions"]}),
        ("Times", {"fields": ["created_at", "last_login", "email_confirmed_at"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "usable_password", "password1", "password2"]})]

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        """A new person gets a team, as at sign-up; whose way in or rights were changed is out everywhere."""
        if "email" in form.changed_data:
            obj.email_confirmed_at = None
        super().save_model(request, obj, form, change)
        if not change:
            services.give_personal_team(user=obj)
        elif WAYS_IN & set(form.changed_data):
            services.end_sessions(user=obj)

    @admin.action(description="Remove the second factors of the chosen people", permissions=["change"])
    def remove_factors(self, request: HttpRequest, people: QuerySet[User]) -> None:
        """For who has lost the app, the key and the recovery codes. Be sure who is asking."""
        for person in people:
            factors.remove_all(user=person)
            services.end_sessions(user=person)
            services.tell_of_change(user=person)
        self.message_user(request, "The second factors are removed, and those people signed out.", messages.SUCCESS)


@admin.register(Team)
class TeamAdmin(EndsSessions):
    inlines = [MembershipInline]
    list_display = ["name", "id", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["name", "id", "memberships__user__email"]
    readonly_fields = ["created_at"]
