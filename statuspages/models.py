"""Status pages: what they show, in which order, and what people have written on them."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import ClassVar, Self

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team
from alerts.rules import State
from incidents.models import Incident
from maintenance.models import Window
from monitors import secrets
from monitors.models import Monitor
from statuspages.rules import PostKind, PostState, Road, Source, Visibility


def choices(words: type[StrEnum]) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class OfPage(models.Model):
    """A part of a page."""

    class Meta:
        abstract = True

    @property
    def team_id(self) -> uuid.UUID:
        """Whose audit log tells of it."""
        return self.page.team_id  # type: ignore[attr-defined, no-any-return]  # each declares its own ``page``


class StatusPageQuerySet(models.QuerySet["StatusPage"]):
    def for_team(self, team: Team) -> Self:
        return self.filter(team=team)

    def published(self) -> Self:
        return self.filter(published=True)


class StatusPage(models.Model):
    """A page of a team at ``/status/<slug>/``, and at a domain of its own where it has one."""

    AUDITED: ClassVar[tuple[str, ...]] = (
        *("title", "slug", "domain", "description", "published", "visibility", "password", "embeddable"),
        *("lists_outages", "takes_subscribers", "languages", "colours", "logo_mark"),
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="status_pages")
    slug = models.CharField(max_length=60, unique=True)
    domain = models.CharField(max_length=253, null=True, blank=True, unique=True)
    title = models.CharField(max_length=120)
    description = models.TextField(max_length=1_000, blank=True)
    logo = models.BinaryField(null=True, help_text="a PNG that we have encoded ourselves")
    logo_mark = models.CharField(max_length=16, blank=True, editable=False, help_text="of its content, for its address")
    colours = models.JSONField(default=dict, blank=True, help_text="by name, see rules.COLOURS: #rrggbb")
    languages = ArrayField(models.CharField(max_length=12), default=list, blank=True, help_text="the first by default")

    published = models.BooleanField(default=False)
    visibility = models.CharField(max_length=10, choices=choices(Visibility), default=Visibility.PUBLIC.value)
    password = models.CharField(max_length=128, blank=True, help_text="hashed")
    token_key = models.CharField(max_length=64, blank=True, editable=False, help_text="SHA-256 of the token")
    token_sealed = models.TextField(blank=True, editable=False, help_text="the token, encrypted")
    embeddable = models.BooleanField(default=False, help_text="other sites may show it in a frame")
    lists_outages = models.BooleanField(default=True, help_text="names outages that nobody has written of, too")
    takes_subscribers = models.BooleanField(default=False, help_text="visitors may ask to be told of posts")

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = StatusPageQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["team", "created_at", "id"], name="statuspages_of_team")]

    def __str__(self) -> str:
        return self.title

    @property
    def token(self) -> str | None:
        """What the address of an unlisted page has in it; None when the keys are lost."""
        try:
            token = secrets.unseal(self.token_sealed).get("token")
        except InvalidToken:
            return None
        return str(token) if token else None

    @property
    def path(self) -> str:
        """Where it answers on our own host."""
        below = f"key/{self.token or ''}/" if self.visibility == Visibility.UNLISTED else ""
        return f"/status/{self.slug}/{below}"

    @property
    def url(self) -> str:
        return f"{settings.SITE_URL}{self.path}"


class Section(OfPage):
    """A heading with components below it."""

    AUDITED: ClassVar[tuple[str, ...]] = ("name",)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    page = models.ForeignKey(StatusPage, on_delete=models.CASCADE, related_name="sections")
    name = models.CharField(max_length=120)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        indexes = [models.Index(fields=["page", "position"], name="statuspages_sections")]

    def __str__(self) -> str:
        return self.name


class Component(OfPage):
    """A line of a page under a name of its own: one monitor, those with a tag, or some that were chosen.

    Which monitors these are nobody sees on the page. One without a section comes before the sections.
    """

    AUDITED: ClassVar[tuple[str, ...]] = (
        "name",
        "description",
        "section_id",
        "source",
        "monitor_id",
        "tag",
        "shows_chart",
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    page = models.ForeignKey(StatusPage, on_delete=models.CASCADE, related_name="components")
    section = models.ForeignKey(Section, null=True, blank=True, on_delete=models.SET_NULL, related_name="components")
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    position = models.PositiveIntegerField(default=0)
    source = models.CharField(max_length=10, choices=choices(Source), default=Source.MONITOR.value)
    monitor = models.ForeignKey(Monitor, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    tag = models.CharField(max_length=40, blank=True)
    group = models.ManyToManyField(Monitor, blank=True, related_name="+")
    shows_chart = models.BooleanField(default=False, help_text="with its response times")

    class Meta:
        ordering = ["position", "id"]
        indexes = [models.Index(fields=["page", "position"], name="statuspages_components")]
        constraints = [
            models.CheckConstraint(
                name="statuspages_one_source",
                condition=Q(source=Source.MONITOR.value, monitor__isnull=False, tag="")
                | (Q(source=Source.TAG.value, monitor__isnull=True) & ~Q(tag=""))
                | Q(source=Source.GROUP.value, monitor__isnull=True, tag=""),
            )
        ]

    def __str__(self) -> str:
        return self.name


class Post(OfPage):
    """What people say of an incident or of planned work, in updates.

    ``state`` is that of the last update. An incident begins at ``starts_at`` and is over at ``ends_at``; planned work
    is to take place between the two, and a window that it is linked to says when.
    """

    AUDITED: ClassVar[tuple[str, ...]] = ("kind", "title", "state", "starts_at", "ends_at")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    page = models.ForeignKey(StatusPage, on_delete=models.CASCADE, related_name="posts")
    kind = models.CharField(max_length=12, choices=choices(PostKind), default=PostKind.INCIDENT.value)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=14, choices=choices(PostState))
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)
    components = models.ManyToManyField(Component, blank=True, related_name="posts", help_text="what it is about")
    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    window = models.ForeignKey(Window, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-starts_at", "id"]
        indexes = [models.Index(fields=["page", "-starts_at"], name="statuspages_posts")]

    def __str__(self) -> str:
        return self.title


class PostUpdate(models.Model):
    """One thing that was said. Rows are added, and mended where a word was wrong."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="updates")
    state = models.CharField(max_length=14, choices=choices(PostState))
    text = models.TextField(max_length=5_000, help_text="Markdown")
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["-at", "id"]
        indexes = [models.Index(fields=["post", "-at"], name="statuspages_updates")]

    def __str__(self) -> str:
        return f"{self.state}: {self.text[:60]}"


class MonitorBadge(models.Model):
    """A monitor's badges are public, at an address that only who was told it knows.

    The token is kept readable: it is made to be published, in the README of whoever wants to show the badge.
    """

    monitor = models.OneToOneField(Monitor, primary_key=True, on_delete=models.CASCADE, related_name="badge")
    token = models.CharField(max_length=64, unique=True)
    enabled = models.BooleanField(default=True, help_text="off: the address stays, and nothing answers there")
    label = models.CharField(max_length=60, blank=True, help_text="what the badges call the monitor")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"badges of {self.monitor_id}"


class Subscriber(models.Model):
    """Somebody who wants to hear of a page's posts, by mail or at an address of their own.

    The address is encrypted, and found again by its mark. Until somebody who reads what is sent there has confirmed it,
    nothing but the question whether they want it goes there.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    page = models.ForeignKey(StatusPage, on_delete=models.CASCADE, related_name="subscribers")
    kind = models.CharField(max_length=10, choices=choices(Road))
    mark = models.CharField(max_length=64, editable=False, help_text="of the address: the same for the same one")
    sealed = models.TextField(editable=False, help_text="the notifier's settings and our token, encrypted")
    token_key = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the token")
    components = models.ManyToManyField(Component, blank=True, related_name="+", help_text="none: the whole page")
    asked_at = models.DateTimeField(default=timezone.now, help_text="when they were last asked or told")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["page", "mark"], name="statuspages_one_subscription")]
        indexes = [
            # lists, and whom to tell
            models.Index(fields=["page", "created_at", "id"], name="statuspages_subscribers"),
            # how often an address was asked of late, whatever the page
            models.Index(fields=["mark", "asked_at"], name="statuspages_asked"),
            # housekeeping: who never answered
            models.Index(fields=["asked_at"], name="statuspages_unanswered", condition=Q(confirmed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} subscriber of {self.page_id}"

    @property
    def settings(self) -> dict[str, str]:
        """As the notifier reads them: ``to``, or ``url`` and ``secret``."""
        told = self._unsealed()
        return {name: value for name, value in told.items() if name != "token"}

    @property
    def token(self) -> str:
        return self._unsealed().get("token", "")

    @property
    def address(self) -> str:
        """For sending, and for editors' eyes; empty when the keys are lost."""
        try:
            told = self._unsealed()
        except InvalidToken:
            return ""
        return told.get("to") or told.get("url") or ""

    def _unsealed(self) -> dict[str, str]:
        return {name: str(value) for name, value in secrets.unseal(self.sealed).items()}


class Notice(models.Model):
    """One message to one subscriber: of an update, which is told once, or the question whether they want any."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    page = models.ForeignKey(StatusPage, on_delete=models.CASCADE, related_name="+")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="notices")
    update = models.ForeignKey(PostUpdate, null=True, on_delete=models.CASCADE, related_name="notices")

    state = models.CharField(max_length=10, choices=choices(State), default=State.WAITING.value)
    reason = models.CharField(max_length=300, blank=True, help_text="why it is where it is, in words")
    tries = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["subscriber", "update"], name="statuspages_told_once")]
        indexes = [
            # senders: what is due, and what is told to whom at present
            models.Index(fields=["next_at", "id"], name="statuspages_waiting", condition=Q(state=State.WAITING.value)),
            models.Index(fields=["lease_until"], name="statuspages_sending", condition=Q(state=State.SENDING.value)),
            # editors: what never arrived
            models.Index(fields=["page", "-settled_at"], name="statuspages_dead", condition=Q(state=State.DEAD.value)),
            # housekeeping
            models.Index(fields=["settled_at"], name="statuspages_settled"),
        ]

    def __str__(self) -> str:
        return f"notice of {self.update_id or 'the subscription'} to {self.subscriber_id}"

    @property
    def key(self) -> str:
        """The same for every try of this message, and for no other."""
        return f"{self.update_id or self.pk}-{self.subscriber_id}"
