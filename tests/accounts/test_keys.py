"""API keys and personal tokens, from the first and only sight of the secret to the last request."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import ApiKey, AuditEntry, Membership, Team, User
from accounts.rules import Role, Scope
from accounts.selectors import membership_of
from accounts.services import keys
from tests.accounts.cast import program, sign_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(ada: User) -> Team:
    return membership_of(ada).team


def make(team: Team, by: User, scope: Scope = Scope.READ, **fields: object) -> str:
    return keys.create_key(team=team, by=by, name="CI", scope=scope, **fields)[1]


def test_the_secret_is_stored_nowhere(ada: User, team: Team) -> None:
    secret = make(team, ada)
    (row,) = ApiKey.objects.values()
    assert secret.startswith("uptk_")
    assert secret not in str(row)
    assert row["prefix"] == secret[:12]
    assert secret not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(
    ("scope", "verb", "status"),
    [
        (Scope.READ, "get", 200),
        pytest.param(Scope.READ, "post", 403, id="attack-27-read-key-writes"),
        (Scope.WRITE, "post", 400),  # let in; the body is empty
        (Scope.ADMIN, "post", 400),
    ],
)
def test_what_a_scope_may_do(ada: User, team: Team, scope: Scope, verb: str, status: int) -> None:
    assert getattr(program(make(team, ada, scope)), verb)("/api/monitor").status_code == status


def test_a_refusal_says_what_is_missing(ada: User, team: Team) -> None:
    narrow = program(make(team, ada, Scope.READ)).post("/api/monitor").json()["detail"]
    assert narrow == "This takes a key with the scope write; this one has read."
    token = _token(ada, Scope.ADMIN)
    Membership.objects.update(role="viewer")
    low = program(token).post("/api/monitor").json()["detail"]
    assert low == "This takes the role editor in the team; yours is viewer."


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("path", ["/api/api-keys", "/api/tokens", "/api/auth/me"])
def test_attack_27_no_key_lists_keys_or_speaks_for_a_person(ada: User, team: Team, scope: Scope, path: str) -> None:
    for client in (program(make(team, ada, scope)), program(_token(ada, scope))):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "people_only")
        assert client.post(path, {"name": "more", "scope": "admin"}).status_code == 403


def test_attack_27_a_revoked_key_is_nobodys(ada: User, team: Team) -> None:
    client = program(make(team, ada))
    keys.revoke(ApiKey.objects.get())
    answer = client.get("/api/monitor")
    assert (answer.status_code, answer.json()["code"]) == (401, "key_refused")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("secret", ["uptk_", "uptk_" + "A" * 43, "uptp_\u00e9", "uptk_" + "A" * 100_000])
def test_a_guess_is_refused(db: None, secret: str) -> None:
    assert program(secret).get("/api/monitor").status_code == 401


def test_a_key_ends_by_itself(ada: User, team: Team) -> None:
    client = program(make(team, ada, expires_at=timezone.now() + timedelta(hours=1)))
    assert client.get("/api/monitor").status_code == 200
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get("/api/monitor").status_code == 401


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"scope": "owner"}, "scope"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expires_at"),
    ],
)
def test_what_makes_no_key(ada: User, team: Team, fields: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        keys.create_key(team=team, by=ada, **({"name": "CI", "scope": "read"} | fields))
    assert field in refusal.value.message_dict


def test_its_use_is_noted_once_a_minute(ada: User, team: Team) -> None:
    secret, now = make(team, ada), timezone.now()
    for later, noted in [(0, 0), (59, 0), (61, 61), (100, 61)]:
        keys.use(secret, now=now + timedelta(seconds=later))
        assert ApiKey.objects.get().last_used_at == now + timedelta(seconds=noted)


def test_a_key_has_a_limit_of_its_own(ada: User, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.access.throttles.CallerThrottle.THROTTLE_RATES", {"key": "2/day", "person": None})
    busy, calm = program(make(team, ada)), program(make(team, ada))
    answers = [busy.get("/api/regions") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2]["Retry-After"]) > 0
    assert calm.get("/api/regions").status_code == 200


# --- personal tokens ---


def _token(user: User, scope: Scope = Scope.WRITE) -> str:
    return keys.create_token(membership=membership_of(user), name="laptop", scope=scope)[1]


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        (Role.OWNER, Scope.WRITE, 400),
        (Role.OWNER, Scope.READ, 403),
        (Role.VIEWER, Scope.ADMIN, 403),  # never above the person's role
    ],
)
def test_a_token_has_the_lesser_right(ada: User, role: Role, scope: Scope, status: int) -> None:
    secret = _token(ada, scope)
    Membership.objects.update(role=role)
    assert program(secret).post("/api/monitor").status_code == status


def test_a_token_dies_with_the_membership_and_with_the_account(ada: User) -> None:
    client = program(_token(ada))
    assert client.get("/api/monitor").status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/api/monitor").status_code == 401
    User.objects.update(is_active=True)
    Membership.objects.all().delete()
    assert client.get("/api/monitor").status_code == 401


# --- which team ---


@pytest.mark.parametrize("whose", ["ada", "bob"])
def test_attack_24_a_header_names_only_ones_own_team(ada: User, team: Team, whose: str) -> None:
    bobs = membership_of(sign_up("bob@example.org")).team
    second = Team.objects.create(name="Second")
    Membership.objects.create(team=second, user=ada, role=Role.VIEWER)
    named = {"ada": second, "bob": bobs}[whose]
    by_token, by_key = program(_token(ada)), program(make(team, ada))
    for client in (by_token, by_key):
        answer = client.get("/api/monitor", headers={"X-Team": str(named.pk)})
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_team")
        assert client.get("/api/monitor", headers={"X-Team": str(team.pk)}).status_code == 200
