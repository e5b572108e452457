"""The owner's team with one of everything that a route can be about, and the people and keys that ask for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Membership, Team, User
from accounts.rules import Role, Scope
from accounts.services import keys, programs, teams
from alerts.models import Delivery
from alerts.services import planning
from checks.services import dispatch
from dashboard.models import SavedView
from drills.models import Drill
from heartbeats import services as heartbeats
from heartbeats.models import Ping
from incidents.models import Incident
from maintenance.services import start_now as start_maintenance
from monitors.services import create_monitor, sync_regions
from probes.contract import Outcome
from statuspages.models import Subscriber
from statuspages.services import badges, pages, posts
from tests.checks.road import answer_all
from tests.tenancy.rules import ANYONE, EDITOR, OWNER, VIEWER


@dataclass
class Caller:
    """Somebody, or some program, and how far they get in the owner's team."""

    level: int
    user: User | None = None
    secret: str = ""
    stranger: bool = False

    browser: Client = field(init=False)
    program: APIClient = field(init=False)

    def __post_init__(self) -> None:
        self.browser, self.program = Client(raise_request_exception=False), APIClient(raise_request_exception=False)
        if self.user is not None:
            self.browser.force_login(self.user)
            self.secret = programs.open_api_session(user=self.user).access
        if self.secret:
            self.program.credentials(HTTP_AUTHORIZATION=f"Bearer {self.secret}")

    @property
    def is_key(self) -> bool:
        return self.user is None and bool(self.secret)


def make_callers(team: Team, owner: User) -> dict[str, Callable[[], Caller]]:
    """Nobody, members by role, the owner of another team, and each kind of key; called, they come in."""
    stranger = User.objects.create_user("sam@example.com")
    others = Team.objects.create_personal(stranger)

    def key(of: Team, by: User, scope: Scope) -> str:
        return keys.create_key(team=of, by=by, name=scope, scope=scope)[1]

    def member(name: str, role: Role) -> User:
        user = User.objects.create_user(f"{name}@example.com")
        Membership.objects.create(team=team, user=user, role=role)
        return user

    editor, viewer = member("ed", Role.EDITOR), member("vera", Role.VIEWER)
    token = keys.create_token(membership=viewer.memberships.get(), name="laptop", scope=Scope.ADMIN)[1]
    return {
        "anonymous": partial(Caller, ANYONE),
        "stranger": partial(Caller, OWNER, stranger, stranger=True),
        "stranger's key": partial(Caller, OWNER, secret=key(others, stranger, Scope.ADMIN), stranger=True),
        "viewer": partial(Caller, VIEWER, viewer),
        "editor": partial(Caller, EDITOR, editor),
        "owner": partial(Caller, OWNER, owner),
        "read key": partial(Caller, VIEWER, secret=key(team, owner, Scope.READ)),
        "write key": partial(Caller, EDITOR, secret=key(team, owner, Scope.WRITE)),
        "admin key": partial(Caller, OWNER, secret=key(team, owner, Scope.ADMIN)),
        "viewer's admin token": partial(Caller, VIEWER, secret=token),
    }


def make_things(owner: User) -> dict[str, UUID]:
    """One of everything, with results, figures and an incident; by the names that the rules use."""
    sync_regions(["usa", "india"])
    mine = owner.memberships.get()
    team, now = mine.team, timezone.now()
    monitor = create_monitor(team=team, url="http://127.0.0.1:9/", name="Olga's secret shop")
    dispatch.dispatch_wanted()
    answer_all(Outcome.DOWN)
    job = create_monitor(team=team, kind="heartbeat", spec={"period": 3600})
    Ping.objects.create(monitor=job, at=now, word="success")
    heartbeats.turn(now=now)
    window = start_maintenance(team=team, by=owner, minutes=30, title="Olga's secret deploy", everything=True)
    planning.plan(now=timezone.now())
    delivery = Delivery.objects.select_related("rule").get(team=team)
    assert delivery.rule is not None
    mia = User.objects.create_user("mia@example.com")
    Membership.objects.create(team=team, user=mia, role=Role.VIEWER)
    badges.share(monitor)
    page = pages.create_page(team=team, by=owner, slug="ours", title="Ours", published=True)
    reader = Subscriber.objects.create(page=page, kind="email", mark="m", token_key="k", sealed="")
    expiry = now + timedelta(days=1)
    return {
        "monitor": monitor.pk,
        "job": job.pk,
        "incident": Incident.objects.get(monitor=monitor).pk,
        "window": window.pk,
        "channel": delivery.channel_id,
        "rule": delivery.rule.pk,
        "delivery": delivery.pk,
        "drill": Drill.objects.create(team=team, asked_at=now, interval=60, key="ours").pk,
        "view": SavedView.objects.create(team=team, user=owner, name="Mine").pk,
        "page": page.pk,
        "subscriber": reader.pk,
        "section": pages.add_section(page, name="Shop").pk,
        "component": pages.add_component(page, name="Till", monitor=monitor.pk).pk,
        "post": posts.write_post(page, by=owner, kind="incident", title="Slow", text="We look.").pk,
        "member": mia.pk,
        "invitation": teams.invite(team=team, email="new@example.com", role=Role.VIEWER, by=owner).pk,
        "key": keys.create_key(team=team, by=owner, name="CI", scope=Scope.READ)[0].pk,
        "token": keys.create_token(membership=mine, name="laptop", scope=Scope.READ, expires_at=expiry)[0].pk,
    }
