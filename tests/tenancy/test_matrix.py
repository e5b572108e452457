"""Every route of the URLconf, every verb that it knows, every caller: let in, refused, or told of nothing.

The routes come from the URLconf itself. One without a rule fails here, and the message is the line to add.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any
from uuid import UUID

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpResponseBase
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import DjangoDbBlocker

from accounts.models import Team, User
from tests.tenancy.rules import ANYONE, NOBODY, PUBLIC, RULES, Rule, rule_of
from tests.tenancy.world import Caller, make_callers, make_things

VERBS = ("get", "post", "put", "patch", "delete")
PARAMETER = re.compile(r"<(?:(\w+):)?\w+>")
WRITE = re.compile(r"\b(INSERT INTO|DELETE FROM|UPDATE \"?\w+\"? |TRUNCATE|COPY )", re.IGNORECASE)
OUR_OWN = re.compile(r"django_session|accounts_tries|accounts_apikey\" SET \"last_used_at")
"""Written for a caller about the caller: the session, tries that were counted, and when a key was used last."""

CALLERS = (
    *("anonymous", "stranger", "stranger's key", "viewer", "editor", "owner"),
    *("read key", "write key", "admin key", "viewer's admin token"),
)


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield path, entry.callback


def ours() -> dict[str, Callable[..., Any]]:
    """All but Django admin's, which is for staff alone: tests/tenancy/test_admin.py."""
    return {path: view for path, view in routes() if not path.startswith("admin/")}


def verbs_of(view: Callable[..., Any]) -> list[str]:
    """What the view answers; of a plain function, all that it might."""
    kind = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if kind is None:
        return ["get", "post"]
    return [verb for verb in VERBS if hasattr(kind, verb) and verb in kind.http_method_names]


def address(route: str, rule: Rule, things: dict[str, UUID]) -> str:
    """The route with the id of its thing; of what else stands in it, something that does not exist."""
    known = {"uuid": things[rule.thing] if rule.thing else "nobody-knows-this", "int": "1"}
    return "/" + PARAMETER.sub(lambda found: str(known.get(found[1], "nobody-knows-this")), route)


def test_every_route_has_a_rule() -> None:
    missing = "\n".join(f'    "{route}": MEMBER{_thing(route)},' for route in ours() if rule_of(route) is None)
    assert not missing, (
        "Routes without a rule. Say in tests/tenancy/rules.py, in RULES, who may use them (MEMBER: a viewer looks, an "
        "editor changes; the others stand at the top of that file). An id must be that of a thing which make_things "
        f"in tests/tenancy/world.py makes for the owner's team:\n{missing}"
    )
    gone = sorted(route for route in set(RULES) - set(ours()) if not route.endswith("*"))
    assert not gone, f"Rules in tests/tenancy/rules.py for routes that are no more; remove these lines: {gone}"


def _thing(route: str) -> str:
    return '.of("...")' if "<uuid:" in route else ""


World = tuple[dict[str, UUID], dict[str, Callable[[], Caller]]]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """One for all callers, since each leaves it as it was."""
    with django_db_blocker.unblock(), transaction.atomic():
        owner = User.objects.create_user("olga@example.com", name="Olga Owner")
        team = Team.objects.create_personal(owner)
        yield make_things(owner), make_callers(team, owner)
        transaction.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.parametrize("name", CALLERS)
def test_attacks_21_25_27_who_gets_where(name: str, world: World) -> None:
    things, callers = world
    caller, wrong = callers[name](), []
    before = contents()
    for route, view in ours().items():
        rule = rule_of(route)
        if rule is None or (caller.is_key and not route.startswith("api/")):
            continue  # the test above says it; and no page knows of keys
        if rule == PUBLIC and name != "anonymous":
            continue
        for verb in verbs_of(view):
            wrong += [f"{verb.upper()} {route}: {problem}" for problem in judge(caller, rule, verb, route, things)]
    assert not wrong, f"as {name}:\n" + "\n".join(wrong)
    assert contents() == before


def judge(caller: Caller, rule: Rule, verb: str, route: str, things: dict[str, UUID]) -> list[str]:
    """What is wrong with the answer to one request."""
    expected = verdict(caller, rule, verb)
    with watch_writes() as written, rolled_back():
        answer = ask(caller, verb, address(route, rule, things))
    seen = expected if answer.status_code in rule.also else kind_of(answer, rule)
    problems = (
        [] if seen in (expected, "no such verb") else [f"{seen} ({answer.status_code}), but should be {expected}"]
    )
    if expected != "let in":
        problems += [f"wrote although it refused: {statement[:200]}" for statement in written]
    if caller.stranger or caller.level == ANYONE:
        body = getattr(answer, "content", b"")
        problems += [f"names the owner's {what}" for what, pk in things.items() if str(pk).encode() in body]
        problems += ["shows the owner's names"] * (b"Olga" in body)
    if expected == "sent to the door" and verb == "get":
        polled = caller.browser.get(address(route, rule, things), headers={"HX-Request": "true"})
        if polled.status_code == 200 and polled.headers.get("HX-Refresh") != "true":
            problems.append("shows a part of the page to nobody")
    return problems


def verdict(caller: Caller, rule: Rule, verb: str) -> str:
    needed = rule.look if verb == "get" else rule.change
    if needed == NOBODY:
        return "not there"
    if needed == ANYONE:
        return "let in"
    if caller.level == ANYONE:
        return "sent to the door"
    if rule.people and caller.is_key:
        return "refused"
    if caller.level < needed:
        return "refused"
    if rule.thing and (caller.stranger or (rule.private and not is_owner(caller))):
        return "not there"
    return "let in"


def is_owner(caller: Caller) -> bool:
    return caller.user is not None and caller.user.email == "olga@example.com"


def kind_of(answer: HttpResponseBase, rule: Rule) -> str:
    status = answer.status_code
    if rule.look == NOBODY and status in {401, 403, 404}:
        return "not there"
    if status == 302 and answer.headers["Location"].startswith("/login/"):
        return {ANYONE: "let in", NOBODY: "not there"}.get(rule.look, "sent to the door")
    known = {401: "sent to the door", 403: "refused", 404: "not there", 405: "no such verb"}
    return known.get(status) or ("broken" if status >= 500 and status != 503 else "let in")


def ask(caller: Caller, verb: str, path: str) -> HttpResponseBase:
    if path.startswith("/api/"):
        send = getattr(caller.program, verb)
        answer: HttpResponseBase = send(path) if verb == "get" else send(path, {}, format="json")
        return answer
    cookies = copy(caller.browser.cookies)
    answer = getattr(caller.browser, verb)(path)
    caller.browser.cookies = cookies  # who has logged out is still to see the rest
    return answer


@contextmanager
def watch_writes() -> Iterator[list[str]]:
    """What of the SQL inside has written something."""
    written: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if context["cursor"].rowcount and WRITE.search(sql) and not OUR_OWN.search(sql):
            written.append(sql)
        return result

    with connection.execute_wrapper(note):
        yield written


@contextmanager
def rolled_back() -> Iterator[None]:
    """Whoever is let in may do as they like; the next caller finds the world as it was. No limit on tries either."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    cache.delete_pattern("throttle_*")  # type: ignore[attr-defined]


def contents() -> dict[str, str]:
    """The whole database in figures, but for what is the callers' own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE nspname = 'public' AND relkind = 'r' AND NOT relispartition AND relname <> 'django_session'"
        )
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{name}', md5(string_agg(md5(t::text), '' ORDER BY t::text)) FROM \"{name}\" t"  # noqa: S608
                for name in names
            )
        )
        return dict(cursor.fetchall())
