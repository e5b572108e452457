"""Users, the teams they share, and the sessions of programs."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.rules import Role


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.clean_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    @transaction.atomic
    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An operator uses the dashboard too, and the dashboard needs a team."""
        user = self.create_user(email, password, is_staff=True, is_superuser=True, **fields)
        Team.objects.create_personal(user)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=self.clean_email(username or ""))

    @staticmethod
    def clean_email(email: str) -> str:
        """One spelling per person: addresses are compared in lower case."""
        return email.strip().lower()


class User(AbstractBaseUser, PermissionsMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(
        "e-mail address",
        max_length=254,
        unique=True,
        error_messages={"unique": "This e-mail address already has an account."},
    )
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    present_membership: Membership | None = None  # kept here by selectors.membership_of, never stored

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="accounts_user_email_any_case")]

    def __str__(self) -> str:
        return self.email

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """Called by ``clean``, so a form spells the address as the manager does."""
        return UserManager.clean_email(username)


class TeamManager(models.Manager["Team"]):
    def create_personal(self, owner: User) -> Team:
        """The team of one that everybody starts with."""
        person = owner.name or owner.email.partition("@")[0]
        team = self.create(name=f"{person[:100]}'s team")
        Membership.objects.create(team=team, user=owner, role=Role.OWNER)
        return team


class Team(models.Model):
    """Owns monitors. Everybody has a personal one from sign-up."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    objects = TeamManager()

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=[(role.value, role.name.title()) for role in Role])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="accounts_one_membership_per_team")]
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.user} in {self.team} ({self.role})"

    def allows(self, needed: Role) -> bool:
        return Role(self.role).covers(needed)


class ApiSession(models.Model):
    """One login of a program: a family of refresh tokens and the access tokens made from them.

    Every token carries this row's id. Ending the row ends them all at once, which blacklisting one refresh
    token cannot do: a stolen token that was rotated away, or an access token not yet expired, would live on.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_sessions")
    # Django's own mark of the password, as in browser sessions: by whatever road the password is changed
    # (a page, the admin, manage.py), the mark no longer fits and the session is over.
    password_mark = models.CharField(max_length=128, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    renewed_at = models.DateTimeField(default=timezone.now, db_index=True)  # read by the clean-up of old sessions
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"API session of {self.user}"

    def has_current_password(self) -> bool:
        marks = [self.user.get_session_auth_hash(), *self.user.get_session_auth_fallback_hash()]
        return any(constant_time_compare(self.password_mark, mark) for mark in marks)
