"""Who may ask what of every route: the table that tests/tenancy/test_matrix.py walks.

A new route needs one line in ``RULES``; the test says which. An id in a route needs a thing of that name in
tests/tenancy/world.py, which then belongs to the owner's team.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

ANYONE, VIEWER, EDITOR, OWNER, NOBODY = range(5)


@dataclass(frozen=True)
class Rule:
    """``look`` is the least that may GET, ``change`` the least that may do the rest."""

    look: int
    change: int
    people: bool = False
    """Refused to every API key."""
    thing: str | None = None
    """Whose id stands in the route; ``None``: there is none."""
    private: bool = False
    """The thing is one person's (the owner's): for the rest of the team it does not exist either."""
    also: frozenset[int] = frozenset()
    """Answers that are right here although they look like a refusal."""

    def of(self, thing: str) -> Self:
        return replace(self, thing=thing)


PUBLIC = Rule(ANYONE, ANYONE)
DOOR = Rule(ANYONE, ANYONE, also=frozenset({401}))
"""Open to all, who must then show something that is good: a token, say."""

TOKEN = Rule(NOBODY, NOBODY)
"""Opened by a token in the address or a header that has a test of its own; an account helps nobody."""

STAFF = Rule(NOBODY, NOBODY)
"""For the operators of the whole installation, who have tests of their own."""

MEMBER = Rule(VIEWER, EDITOR)
FORM = Rule(EDITOR, EDITOR)
"""A page that is for changing something."""

READ = Rule(VIEWER, VIEWER)
"""Changes nothing of the team's, by whatever verb it is asked, or only what is the caller's own."""

OWNER_CHANGES = Rule(VIEWER, OWNER)
OWNERS = Rule(OWNER, OWNER)
OWNERS_IN_PERSON = Rule(OWNER, OWNER, people=True)
OWN = Rule(VIEWER, VIEWER, people=True)
"""What is one's own, whatever the role: no key speaks for a person."""

OWN_THING = replace(OWN, private=True)

RULES: dict[str, Rule] = {
    # A rule for "some/*" is that of all routes below which have none of their own.
    # --- doors, signs of life ---
    "": PUBLIC,
    "login/": PUBLIC,
    "signup/": PUBLIC,
    "logout/": PUBLIC,
    "login/code/": PUBLIC,
    "login/elsewhere/": TOKEN,
    "login/elsewhere/back/": TOKEN,
    "check-mail/": PUBLIC,
    "password/*": PUBLIC,
    "email/*": PUBLIC,
    "account/*": OWN,
    "account/factors/<int:pk>/remove/": replace(OWN, also=frozenset({404})),
    "account/elsewhere/<int:pk>/unlink/": replace(OWN, also=frozenset({404})),
    "readyz": PUBLIC,
    "api/schema": PUBLIC,
    "api/docs": PUBLIC,
    "api/monitoring/health": PUBLIC,
    "api/auth/signup": PUBLIC,
    "api/auth/login": PUBLIC,
    "api/auth/refresh": PUBLIC,
    "api/auth/logout": DOOR,
    "metrics": TOKEN,
    "ping/<str:token>": TOKEN,
    "ping/<str:token>/<str:word>": TOKEN,
    "drill/<str:token>": TOKEN,
    "invitations/<str:token>/": TOKEN,
    "badge/*": TOKEN,
    "operator/*": STAFF,  # tests/dashboard/test_operations_pages.py
    "subscription/*": TOKEN,
    "status/*": TOKEN,  # for everybody who knows the page's name; tests/statuspages
    # --- oneself, teams, keys, the audit log ---
    "api/auth/password-reset": PUBLIC,
    "api/auth/me": OWN,
    "api/auth/me/email": OWN,
    "api/auth/me/email/again": OWN,
    "api/auth/me/password": OWN,
    "api/auth/me/sessions": OWN,
    "api/auth/me/sessions/<str:pk>": replace(OWN, also=frozenset({404})),
    "api/auth/me/factors": OWN,
    "api/auth/me/identities": OWN,
    "api/auth/me/identities/<int:pk>/unlink": replace(OWN, also=frozenset({404})),
    "api/auth/me/delete": OWN,
    "api/operator": STAFF,  # tests/operations/test_api.py
    "api/operator/deliveries/<uuid:pk>/redrive": STAFF.of("delivery"),
    "api/operator/batches/redrive": STAFF,
    "api/teams": OWN,
    "api/team": OWNER_CHANGES,
    "api/team/delete": OWNERS_IN_PERSON,
    "api/team/transfer": OWNERS_IN_PERSON,
    "api/team/leave": OWN,
    "api/team/members": MEMBER,
    "api/team/members/<uuid:pk>": OWNER_CHANGES.of("member"),
    "api/team/invitations": OWNERS,
    "api/team/invitations/<uuid:pk>": OWNERS.of("invitation"),
    "api/team/invitations/<uuid:pk>/resend": OWNERS.of("invitation"),
    "api/api-keys": OWNERS_IN_PERSON,
    "api/api-keys/<uuid:pk>": OWNERS_IN_PERSON.of("key"),
    "api/tokens": OWN,
    "api/tokens/<uuid:pk>": OWN_THING.of("token"),
    "api/audit-log": OWNERS,
    "settings/": PUBLIC,  # leads to the next one
    "settings/team/": READ,
    "settings/team/rename/": OWNERS,
    "settings/team/invite/": OWNERS,
    "settings/team/leave/": READ,
    "settings/team/delete/": OWNERS,
    "settings/team/transfer/": OWNERS,
    "settings/team/new/": READ,
    "settings/team/switch/": READ,
    "settings/team/members/<uuid:pk>/role/": OWNERS.of("member"),
    "settings/team/members/<uuid:pk>/remove/": OWNERS.of("member"),
    "settings/team/invitations/<uuid:pk>/again/": OWNERS.of("invitation"),
    "settings/team/invitations/<uuid:pk>/revoke/": OWNERS.of("invitation"),
    "settings/keys/": READ,
    "settings/keys/new/": OWNERS,
    "settings/keys/<uuid:pk>/revoke/": OWNERS.of("key"),
    "settings/tokens/new/": READ,
    "settings/tokens/<uuid:pk>/revoke/": OWN_THING.of("token"),
    "settings/audit/": OWNERS,
    "settings/audit/export/": OWNERS,
    # --- configuration as code ---
    "api/config/plan": OWNERS,
    "api/config/apply": OWNERS,
    "api/config/export": OWNERS,
    "api/config/schema": PUBLIC,
    # --- monitors, results ---
    "api/monitor": MEMBER,
    "api/monitor/bulk": MEMBER,
    "api/monitor/<uuid:pk>": MEMBER.of("monitor"),
    "api/monitor/<uuid:pk>/pause": MEMBER.of("monitor"),
    "api/monitor/<uuid:pk>/resume": MEMBER.of("monitor"),
    "api/monitor/<uuid:pk>/check": MEMBER.of("monitor"),
    "api/monitor/<uuid:pk>/heartbeat": MEMBER.of("job"),
    "api/monitor/<uuid:pk>/pings": MEMBER.of("job"),
    "api/monitor/<uuid:pk>/ping-url": MEMBER.of("job"),
    "api/monitor/<uuid:pk>/backtest": READ.of("monitor"),
    "api/monitor/<uuid:pk>/badges": MEMBER.of("monitor"),
    "api/monitor/<uuid:pk>/badges/renew": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/share/": replace(MEMBER, also=frozenset({404})).of("monitor"),  # an empty form asks nothing
    "regions/": MEMBER,
    "regions/live/": MEMBER,
    "api/monitor/<uuid:pk>/series": MEMBER.of("monitor"),
    "api/monitor/<uuid:pk>/regions": MEMBER.of("monitor"),
    "api/monitor/<uuid:pk>/facts": MEMBER.of("monitor"),
    "api/site-stats/<uuid:pk>/windows": MEMBER.of("monitor"),
    "api/views": OWN,
    "api/views/<uuid:pk>": OWN_THING.of("view"),
    "api/monitor/<uuid:pk>/clone": MEMBER.of("monitor"),
    "api/tags": MEMBER,
    "api/results/<uuid:pk>/checks/<str:region>": replace(MEMBER, also=frozenset({404})).of("monitor"),
    "api/regions": MEMBER,
    "api/regions/fallback": MEMBER,
    "api/results/<uuid:pk>/checks": MEMBER.of("monitor"),
    "api/results/<uuid:pk>/latest": MEMBER.of("monitor"),
    "api/results/<uuid:pk>/cleanup": OWNER_CHANGES.of("monitor"),
    "api/site-stats": MEMBER,
    "api/site-stats/<uuid:pk>": MEMBER.of("monitor"),
    "api/site-stats/<uuid:pk>/refresh": MEMBER.of("monitor"),
    "api/monitoring/status": MEMBER,
    "api/monitoring/trigger": MEMBER,
    "api/monitoring/test": MEMBER,
    "monitors/": MEMBER,
    "monitors/rows/": MEMBER,
    "monitors/new/": FORM,
    "monitors/bulk/": MEMBER,
    "monitors/views/": OWN,
    "monitors/views/<uuid:pk>/first/": OWN_THING.of("view"),
    "monitors/views/<uuid:pk>/delete/": OWN_THING.of("view"),
    "monitors/<uuid:pk>/first/": FORM.of("monitor"),
    "monitors/<uuid:pk>/first/live/": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/live/": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/series.json": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/chart/": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/checks/": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/checks/at/": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/checks.csv": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/checks.json": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/checks/<str:region>/<int:slot>/": replace(MEMBER, also=frozenset({404})).of("monitor"),
    "monitors/<uuid:pk>/clone/": FORM.of("monitor"),
    "monitors/<uuid:pk>/edit/": FORM.of("monitor"),
    "monitors/<uuid:pk>/pause/": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/resume/": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/alert/": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/check/": MEMBER.of("monitor"),
    "monitors/<uuid:pk>/ping-url/": MEMBER.of("job"),
    "monitors/<uuid:pk>/delete/": FORM.of("monitor"),
    # --- imports ---
    "api/imports": MEMBER,
    "api/imports/parity": READ,
    "settings/import/": FORM,
    "settings/import/apply/": replace(FORM, also=frozenset({404})),  # a draft is named in the form, not in the route
    "settings/import/alerts/": FORM,
    "settings/import/parity/": READ,
    # --- incidents ---
    "api/incidents": MEMBER,
    "api/incidents/<uuid:pk>": MEMBER.of("incident"),
    "api/incidents/<uuid:pk>/explain": MEMBER.of("incident"),
    "api/incidents/<uuid:pk>/evidence": MEMBER.of("incident"),
    "api/incidents/<uuid:pk>/acknowledge": MEMBER.of("incident"),
    "api/incidents/<uuid:pk>/notes": MEMBER.of("incident"),
    "api/incidents/<uuid:pk>/resolve": MEMBER.of("incident"),
    "api/incidents/<uuid:pk>/reopen": MEMBER.of("incident"),
    "api/corrections": MEMBER,
    "incidents/": MEMBER,
    "incidents/<uuid:pk>/": MEMBER.of("incident"),
    "incidents/<uuid:pk>/live/": MEMBER.of("incident"),
    "incidents/<uuid:pk>/acknowledge/": MEMBER.of("incident"),
    "incidents/<uuid:pk>/resolve/": MEMBER.of("incident"),
    "incidents/<uuid:pk>/reopen/": MEMBER.of("incident"),
    "incidents/<uuid:pk>/note/": MEMBER.of("incident"),
    "incidents/<uuid:pk>/correct/": FORM.of("incident"),
    # --- alerts ---
    "api/channels": MEMBER,
    "api/channels/kinds": MEMBER,
    "api/channels/test": MEMBER,
    "api/channels/<uuid:pk>": MEMBER.of("channel"),
    "api/channels/<uuid:pk>/confirm": MEMBER.of("channel"),
    "api/channels/<uuid:pk>/test": MEMBER.of("channel"),
    "api/rules": MEMBER,
    "api/rules/<uuid:pk>": MEMBER.of("rule"),
    "api/deliveries": MEMBER,
    "api/deliveries/<uuid:pk>": MEMBER.of("delivery"),
    "api/deliveries/<uuid:pk>/redrive": MEMBER.of("delivery"),
    "alerts/": MEMBER,
    "alerts/channels/new/": FORM,
    "alerts/channels/<uuid:pk>/": MEMBER.of("channel"),
    "alerts/channels/<uuid:pk>/edit/": FORM.of("channel"),
    "alerts/confirm/<str:token>/": TOKEN,  # tests/alerts/test_confirming.py
    "alerts/channels/<uuid:pk>/ask/": MEMBER.of("channel"),
    "alerts/channels/<uuid:pk>/test/": MEMBER.of("channel"),
    "alerts/channels/<uuid:pk>/delete/": FORM.of("channel"),
    "alerts/rules/": MEMBER,
    "alerts/rules/new/": FORM,
    "alerts/rules/<uuid:pk>/edit/": FORM.of("rule"),
    "alerts/rules/<uuid:pk>/delete/": FORM.of("rule"),
    "alerts/deliveries/": MEMBER,
    "alerts/deliveries/<uuid:pk>/": MEMBER.of("delivery"),
    "alerts/deliveries/<uuid:pk>/redrive/": MEMBER.of("delivery"),
    # --- maintenance, drills ---
    "api/maintenance": MEMBER,
    "api/maintenance/preview": MEMBER,
    "api/maintenance/start": MEMBER,
    "api/maintenance/<uuid:pk>": MEMBER.of("window"),
    "api/maintenance/<uuid:pk>/preview": MEMBER.of("window"),
    "api/maintenance/<uuid:pk>/stop": MEMBER.of("window"),
    "api/drills": MEMBER,
    "api/drills/<uuid:pk>": MEMBER.of("drill"),
    "api/maintenance/<uuid:pk>/start": MEMBER.of("window"),
    "maintenance/<uuid:pk>/start/": MEMBER.of("window"),
    "alerts/drills/": MEMBER,
    "alerts/drills/live/": MEMBER,
    "alerts/drills/<uuid:pk>/": MEMBER.of("drill"),
    "maintenance/": MEMBER,
    "maintenance/new/": FORM,
    "maintenance/start/": FORM,
    "maintenance/<uuid:pk>/": MEMBER.of("window"),
    "maintenance/<uuid:pk>/edit/": FORM.of("window"),
    "maintenance/<uuid:pk>/stop/": MEMBER.of("window"),
    "maintenance/<uuid:pk>/delete/": FORM.of("window"),
    # --- status pages ---
    "api/status-pages": MEMBER,
    "api/status-pages/<uuid:pk>": MEMBER.of("page"),
    "api/status-pages/<uuid:pk>/token": MEMBER.of("page"),
    "api/status-pages/<uuid:pk>/sections": MEMBER.of("page"),
    "api/status-pages/sections/<uuid:pk>": MEMBER.of("section"),
    "api/status-pages/<uuid:pk>/components": MEMBER.of("page"),
    "api/status-pages/components/<uuid:pk>": MEMBER.of("component"),
    "api/status-pages/<uuid:pk>/posts": MEMBER.of("page"),
    "api/status-pages/<uuid:pk>/subscribers": MEMBER.of("page"),
    "api/status-pages/<uuid:pk>/subscribers/redrive": MEMBER.of("page"),
    "api/status-pages/subscribers/<uuid:pk>": MEMBER.of("subscriber"),
    "status-pages/": MEMBER,
    "status-pages/new/": FORM,
    "status-pages/<uuid:pk>/": MEMBER.of("page"),
    "status-pages/<uuid:pk>/edit/": FORM.of("page"),
    "status-pages/<uuid:pk>/preview/": MEMBER.of("page"),
    "status-pages/<uuid:pk>/token/": MEMBER.of("page"),
    "status-pages/<uuid:pk>/delete/": FORM.of("page"),
    "status-pages/<uuid:pk>/add-section/": FORM.of("page"),
    "status-pages/<uuid:pk>/add-component/": FORM.of("page"),
    "status-pages/<uuid:pk>/write/": FORM.of("page"),
    "status-pages/sections/<uuid:pk>/edit/": FORM.of("section"),
    "status-pages/sections/<uuid:pk>/move/": FORM.of("section"),
    "status-pages/sections/<uuid:pk>/delete/": FORM.of("section"),
    "status-pages/components/<uuid:pk>/edit/": FORM.of("component"),
    "status-pages/components/<uuid:pk>/move/": FORM.of("component"),
    "status-pages/components/<uuid:pk>/delete/": FORM.of("component"),
    "status-pages/posts/<uuid:pk>/": MEMBER.of("post"),
    "status-pages/posts/<uuid:pk>/say/": MEMBER.of("post"),
    "status-pages/posts/<uuid:pk>/edit/": FORM.of("post"),
    "status-pages/posts/<uuid:pk>/delete/": FORM.of("post"),
    "status-pages/<uuid:pk>/share/": replace(MEMBER, also=frozenset({404})).of("page"),
    "status-pages/<uuid:pk>/subscribers.csv": FORM.of("page"),
    "api/status-pages/posts/<uuid:pk>": MEMBER.of("post"),
    "api/status-pages/posts/<uuid:pk>/updates": MEMBER.of("post"),
}


def rule_of(route: str) -> Rule | None:
    return RULES.get(route) or RULES.get(route.partition("/")[0] + "/*")
