"""Users, the teams they share, and the sessions of programs."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, BaseUserManager, PermissionsMixin
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.rules import Role, Scope, Theme


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.clean_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    @transaction.atomic
    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An operator uses the dashboard too, and the dashboard needs a team."""
        fields.setdefault("email_confirmed_at", timezone.now())  # who may run manage.py needs to prove no mailbox
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
    last_team = models.ForeignKey(
        "Team",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        help_text="chosen last in a browser; new browser sessions begin with it",
    )
    email_confirmed_at = models.DateTimeField(null=True, blank=True, help_text="the present address; empty: not yet")
    # Part of the mark that every session carries: a step ends them all, in browsers and of programs.
    session_epoch = models.PositiveIntegerField(default=0, editable=False)
    time_zone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=16, blank=True, help_text="empty: as the browser asks")
    theme = models.CharField(max_length=10, default=Theme.SYSTEM.value, choices=[(t.value, t.value) for t in Theme])
    shortcuts = models.BooleanField(default=True, help_text="single keys act on pages")

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    # Kept here for the length of a request, never stored; see selectors.membership_of.
    present_membership: Membership | None = None
    known_memberships: list[Membership] | None = None
    wanted_team: uuid.UUID | None = None

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="accounts_user_email_any_case")]

    def __str__(self) -> str:
        return self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django's mark of the password, with the epoch in it. Sessions that carry another mark are over."""
        data = f"{self.password}{self.session_epoch}"
        return salted_hmac("accounts.User.session", data, secret=secret, algorithm="sha256").hexdigest()

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
    """Owns monitors. Everybody has a personal one from sign-up, unless an invitation brought them."""

    AUDITED: ClassVar[tuple[str, ...]] = ("name",)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    objects = TeamManager()

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    AUDITED: ClassVar[tuple[str, ...]] = ("role",)

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


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self, now: datetime) -> InvitationQuerySet:
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=now)


class Invitation(models.Model):
    """A place in a team for whoever reads the mail that goes to an address.

    The token is made when the mail is written and stands in the mail alone; the row keeps its SHA-256.
    """

    AUDITED: ClassVar[tuple[str, ...]] = ("email", "role")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=[(role.value, role.name.title()) for role in Role])
    token_key = models.CharField(max_length=64, null=True, unique=True, editable=False)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    mail_due_at = models.DateTimeField(null=True, blank=True, help_text="when the mail is to be sent (again)")
    mail_tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "email"],
                condition=Q(accepted_at=None, revoked_at=None),
                name="accounts_one_invitation_per_address",
            )
        ]
        indexes = [
            # the sender: whose mail is due
            models.Index(fields=["mail_due_at"], name="accounts_mail_due", condition=Q(mail_due_at__isnull=False))
        ]

    def __str__(self) -> str:
        return self.email


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self, now: datetime) -> ApiKeyQuerySet:
        return self.filter(revoked_at=None).filter(Q(expires_at=None) | Q(expires_at__gt=now))


class ApiKey(models.Model):
    """What a program says who it is with: a team's key, or a person's own token (``user``) for one team.

    The secret is shown once; the row keeps its SHA-256, and its beginning for people to tell keys apart.
    """

    AUDITED: ClassVar[tuple[str, ...]] = ("name", "scope", "expires_at", "prefix")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="api_keys")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="tokens")
    name = models.CharField(max_length=120)
    scope = models.CharField(max_length=10, choices=[(scope.value, scope.name.title()) for scope in Scope])
    prefix = models.CharField(max_length=16, editable=False)
    secret_key = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name


class KeyHolder(AnonymousUser):
    """Who asks with a team's key: nobody in person, in one team, with the role that the key's scope comes to."""

    def __init__(self, key: ApiKey) -> None:
        super().__init__()
        self.pk = self.id = key.pk  # type: ignore[assignment]  # what throttles count by
        self.present_membership = Membership(team=key.team, role=Scope(key.scope).role)

    @property
    def is_anonymous(self) -> Any:
        return False

    @property
    def is_authenticated(self) -> Any:
        return True


class AuditEntry(models.Model):
    """Who did what, when and from where. Rows are only ever added: a trigger of the database refuses the rest.

    No foreign keys: an entry outlives the team, the person and the thing that it speaks of, so it holds their names.
    """

    class By(models.TextChoices):
        USER = "user"
        KEY = "key"
        SYSTEM = "system"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    team_id = models.UUIDField()
    by = models.CharField(max_length=6, choices=By)
    actor_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=254, help_text="an address, a key's name, or nothing for the system")
    verb = models.CharField(max_length=40)
    kind = models.CharField(max_length=40, help_text="of the thing: monitor, channel, ...")
    object_id = models.CharField(max_length=64)
    name = models.CharField(max_length=200, help_text="of the thing, as it was called then")
    changes = models.JSONField(default=dict, help_text="field: [before, after]; secrets masked")
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=120, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["team_id", "-id"], name="accounts_audit_of_team"),
            models.Index(fields=["at"], name="accounts_audit_by_age"),  # retention
        ]

    def __str__(self) -> str:
        return f"{self.actor or 'system'} {self.verb} {self.kind} {self.name}"


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
    address = models.GenericIPAddressField(null=True, blank=True)  # where it was opened, and with what
    client = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    renewed_at = models.DateTimeField(default=timezone.now, db_index=True)  # read by the clean-up of old sessions
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"API session of {self.user}"

    def has_current_password(self) -> bool:
        marks = [self.user.get_session_auth_hash(), *self.user.get_session_auth_fallback_hash()]
        return any(constant_time_compare(self.password_mark, mark) for mark in marks)


class Identity(models.Model):
    """Who somebody is at the provider that signs people in (OpenID Connect): its name for them, which never changes."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="accounts_identity_once"),
            models.UniqueConstraint(fields=["user", "issuer"], name="accounts_one_identity_per_issuer"),
        ]
        verbose_name_plural = "identities"

    def __str__(self) -> str:
        return f"{self.user} at {self.issuer}"


class Tries(models.Model):
    """How often somebody knocked at a door since ``until`` was set; counting begins anew after it.

    In the database and not in the cache: a limit must hold across processes and while Redis is away.
    """

    door = models.CharField(max_length=20)
    who = models.CharField(max_length=64)  # a digest: the table lists nobody's addresses
    place = models.CharField(max_length=64, blank=True)
    count = models.PositiveIntegerField()
    until = models.DateTimeField(db_index=True)  # read by the clean-up

    class Meta:
        constraints = [models.UniqueConstraint(fields=["door", "who", "place"], name="accounts_tries_once")]

    def __str__(self) -> str:
        return f"{self.count} tries at {self.door}"


class Letter(models.Model):
    """A mail that is to be written: what it is about, never what it says; a link is made when it is sent.

    Pages leave a row and answer at once, so that neither a slow mail server nor an unknown address shows in the time.
    """

    class Kind(models.TextChoices):
        CONFIRM = "confirm"
        ALREADY = "already"
        RESET = "reset"
        LOCKED = "locked"
        CHANGED = "changed"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    to = models.EmailField(max_length=254)
    about = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.kind} to {self.to}"
