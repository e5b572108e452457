from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from accounts.models import ApiSession, User
from accounts.services.tokens import TokenPair
from tests.accounts.cast import program, sign_in, sign_up

KEY = str(settings.SIMPLE_JWT["SIGNING_KEY"])


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def signed(payload: dict[str, Any], *, key: str = KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(payload, key, algorithm)


def unsigned(payload: dict[str, Any]) -> str:
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(payload)}."


def with_header(header: bytes) -> str:
    return f"{base64.urlsafe_b64encode(header).decode()}.{_part({})}.c2ln"


def _part(words: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(words).encode()).rstrip(b"=").decode()


FORGERIES: dict[str, Callable[[dict[str, Any], TokenPair], str]] = {
    "no algorithm": lambda c, _: unsigned(c),
    "another algorithm": lambda c, _: signed(c, algorithm="HS512"),
    "another key": lambda c, _: signed(c, key="another key that is long enough, for all it is worth"),
    "the key of the site instead of the one for tokens": lambda c, _: signed(c, key=settings.SECRET_KEY),
    "expired": lambda c, _: signed(c | {"exp": int(time.time()) - 1}),
    "never expires": lambda c, _: signed({k: v for k, v in c.items() if k != "exp"}),
    "another audience": lambda c, _: signed(c | {"aud": "somebody-else"}),
    "no audience": lambda c, _: signed({k: v for k, v in c.items() if k != "aud"}),
    "another issuer": lambda c, _: signed(c | {"iss": "somebody-else"}),
    "no issuer": lambda c, _: signed({k: v for k, v in c.items() if k != "iss"}),
    "no id": lambda c, _: signed({k: v for k, v in c.items() if k != "jti"}),
    "no session": lambda c, _: signed({k: v for k, v in c.items() if k != "sid"}),
    "an unknown session": lambda c, _: signed(c | {"sid": str(uuid.uuid4())}),
    "a session that is no id": lambda c, _: signed(c | {"sid": "1; drop table"}),
    "a session that is no text": lambda c, _: signed(c | {"sid": 7}),
    "no type": lambda c, _: signed({k: v for k, v in c.items() if k != "token_type"}),
    "words of one, signature of another": lambda c, _: f"{_part({'alg': 'HS256'})}.{_part(c)}.{signed(c)[-43:]}",
    "a header of brackets": lambda *_: with_header(b"[" * 2500),
    "a header of bytes": lambda *_: with_header(b"\xff\xfe\x00"),
    "a header that is a list": lambda *_: with_header(b"[]"),
    "an algorithm that is a list": lambda *_: with_header(b'{"alg":["HS256"]}'),
    "two dots": lambda *_: "..",
    "words": lambda *_: "let me in",
    "one letter": lambda *_: "x",
    "not even ASCII": lambda *_: "\u00e9\u00e9\u00e9",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_access_token_opens_nothing(ada: User, forgery: str) -> None:
    pair = sign_in(ada)
    token = FORGERIES[forgery](claims(pair.access), pair)
    answer = program(token).get("/api/auth/me")
    assert answer.status_code == 401, answer.content
    assert answer.json()["code"] == "token_refused"
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_refresh_token_opens_nothing(ada: User, forgery: str) -> None:
    pair = sign_in(ada)
    token = FORGERIES[forgery](claims(pair.refresh), pair)
    answer = program().post("/api/auth/refresh", {"refresh": token})
    assert answer.status_code == 401, answer.content
    assert answer.json()["code"] == "token_refused"
    assert ApiSession.objects.get().ended_at is None, "a forgery must not end the session it names"


def test_a_refresh_token_is_no_access_token_nor_the_reverse(ada: User) -> None:
    pair = sign_in(ada)
    assert program(pair.refresh).get("/api/auth/me").status_code == 401
    assert program().post("/api/auth/refresh", {"refresh": pair.access}).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token abc", "bearer\tx"])
@pytest.mark.django_db
def test_a_request_without_a_token_is_anonymous(header: str) -> None:
    client = program()
    client.credentials(HTTP_AUTHORIZATION=header)
    answer = client.get("/api/auth/me")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_the_scheme_may_be_written_in_small_letters(ada: User) -> None:
    client = program()
    client.credentials(HTTP_AUTHORIZATION=f"bearer {sign_in(ada).access}")
    assert client.get("/api/auth/me").status_code == 200


def test_tokens_say_nothing_about_the_person(ada: User) -> None:
    pair = sign_in(ada)
    for token in (pair.access, pair.refresh):
        assert set(claims(token)) == {"token_type", "exp", "iat", "jti", "sid", "aud", "iss"}


def test_an_access_token_lives_five_minutes(ada: User) -> None:
    told = claims(sign_in(ada).access)
    assert told["exp"] - told["iat"] == 300


def test_one_query_tells_who_is_asking_and_one_for_which_team(
    ada: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = program(sign_in(ada).access)
    with django_assert_num_queries(2):
        assert client.get("/api/auth/me").status_code == 200


def test_other_people_s_sessions_are_not_touched(ada: User) -> None:
    bob = sign_up("bob@example.org")
    of_ada, of_bob = sign_in(ada), sign_in(bob)
    program(of_ada.access).post("/api/auth/logout")
    assert program(of_bob.access).get("/api/auth/me").json()["email"] == "bob@example.org"
