"""Signing in at an OpenID Connect provider, and who tries to be let in by one as somebody else."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings as base_settings
from django.core import mail
from django.core.exceptions import ValidationError
from django.shortcuts import resolve_url
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.exceptions import ElsewhereRefused
from accounts.models import AuditEntry, Identity, Letter, User
from accounts.rules import Account, Elsewhere, from_elsewhere
from accounts.services import elsewhere, letters, oidc
from accounts.views.elsewhere import UNDER_WAY
from tests.accounts.cast import PASSWORD, browser, csrf_token, program_of, sign_up
from tests.accounts.provider import CLIENT, SECRET, Provider, new_key, public
from tests.attacks.test_accounts import with_app

pytestmark = pytest.mark.django_db

ANN = "ann@corp.example"
HOME = resolve_url(base_settings.LOGIN_REDIRECT_URL)


def leave(window: Client, **form: str) -> dict[str, str]:
    """Press the button; what the provider is asked."""
    page = window.post("/login/elsewhere/", {"csrfmiddlewaretoken": csrf_token(window), **form}).content.decode()
    found = re.search(r'<meta http-equiv="refresh" content="0;url=([^"]+)">', page)
    assert found, page
    return dict(parse_qsl(urlsplit(unescape(found[1])).query))


def come_back(window: Client, answer: dict[str, str]) -> str:
    """Where one is led."""
    return window.get("/login/elsewhere/back/", answer)["Location"]


def sign_in(provider: Provider, window: Client | None = None, **form: str) -> str:
    window = window or browser()
    return come_back(window, provider.grant(leave(window, **form)))


def who(window: Client) -> str | None:
    return window.session.get("_auth_user_id")


def confirmed(email: str = ANN, **fields: Any) -> User:
    user = sign_up(email)
    User.objects.filter(pk=user.pk).update(**({"email_confirmed_at": timezone.now()} | fields))
    return user


def test_who_comes_for_the_first_time_gets_an_account(provider: Provider) -> None:
    window = browser()
    provider.person["name"] = "Ann Boleyn"
    assert sign_in(provider, window, next="/incidents/?x=1") == "/incidents/?x=1"
    ann = User.objects.get(email=ANN)
    assert who(window) == str(ann.pk)
    assert (ann.name, ann.has_usable_password(), ann.email_confirmed_at is None) == ("Ann Boleyn", False, False)
    assert ann.memberships.get().team.name == "Ann Boleyn's team"
    entry = AuditEntry.objects.get(verb="sign-in linked")
    assert (entry.actor, entry.changes["provider"]) == (ANN, [None, "Corp"])
    provider.person["email"] = "ann.renamed@corp.example"  # the provider's name for her is still the same
    assert sign_in(provider) == HOME
    assert User.objects.count() == Identity.objects.count() == 1


def test_who_has_proven_the_address_on_both_sides_is_linked_and_told(provider: Provider) -> None:
    ann, window = confirmed(), browser()
    sign_in(provider, window)
    assert who(window) == str(ann.pk)
    letters.post(now=timezone.now())
    assert any("was changed" in message.subject for message in mail.outbox)
    assert ann.check_password(PASSWORD)


def test_the_address_may_come_from_the_userinfo_endpoint(provider: Provider) -> None:
    ann, window = confirmed(), browser()
    provider.person = {"sub": "7", "email_verified": None}
    provider.sign = lambda claims: provider.signed({k: v for k, v in claims.items() if k != "email_verified"})
    provider.userinfo = {"sub": "8", "email": ANN, "email_verified": True}
    assert sign_in(provider, window) == "/login/"
    provider.userinfo["sub"] = "7"
    sign_in(provider, window)
    assert who(window) == str(ann.pk)


def test_a_second_factor_is_asked_for_all_the_same(provider: Provider) -> None:
    ann, window = confirmed(), browser()
    with_app(ann)
    assert sign_in(provider, window) == "/login/code/"
    assert who(window) is None


def test_without_a_provider_there_is_no_door(client: Client) -> None:
    assert b"elsewhere" not in client.get("/login/").content
    assert client.post("/login/elsewhere/").status_code == client.get("/login/elsewhere/back/").status_code == 404


def test_the_button_stands_on_both_doors(provider: Provider, client: Client) -> None:
    assert b"Continue with Corp" in client.get("/login/").content
    assert b"Continue with Corp" in client.get("/signup/").content
    assert client.get("/login/elsewhere/").status_code == 405, "by POST alone"
    assert browser().post("/login/elsewhere/").status_code == 403, "from our own form alone"


# --- taking it away ---


def unlink(window: Client, identity: Identity, password: str) -> str:
    page = f"/account/elsewhere/{identity.pk}/unlink/"
    form = {"csrfmiddlewaretoken": csrf_token(window, page), "password": password}
    return unescape(window.post(page, form, follow=True).content.decode())


def test_a_link_is_taken_away_with_the_password_and_can_be_made_anew(provider: Provider) -> None:
    ann, window = confirmed(), browser()
    sign_in(provider, window)
    identity, stranger = ann.identities.get(), program_of(sign_up("eve@example.org"))
    assert "Corp" in window.get("/account/password/").content.decode()
    assert "This is not your password" in unlink(window, identity, "not it")
    address = f"/api/auth/me/identities/{identity.pk}/unlink"
    assert stranger.get("/api/auth/me/identities").json() == {"results": []}
    assert stranger.post(address, {"password": PASSWORD}).status_code == 404
    assert ann.identities.exists()

    Letter.objects.all().delete()
    assert "Unlinked." in unlink(window, identity, PASSWORD)
    assert not ann.identities.exists()
    assert Letter.objects.get().kind == Letter.Kind.CHANGED
    assert AuditEntry.objects.get(verb="sign-in unlinked").actor == ANN
    assert who(window) == str(ann.pk), "whoever is in stays in"
    assert f"sign in there as {ANN}" in unescape(window.get("/account/password/").content.decode())

    provider.person["sub"] = "8"  # a new account at the provider, with the same address
    assert sign_in(provider) == HOME
    mine = program_of(ann)
    (listed,) = mine.get("/api/auth/me/identities").json()["results"]
    assert (listed["provider"], listed["issuer"]) == ("Corp", provider.url)
    assert mine.post(f"/api/auth/me/identities/{listed['id']}/unlink", {"password": PASSWORD}).status_code == 204
    assert not ann.identities.exists()


def test_the_only_way_in_stays(provider: Provider) -> None:
    window = browser()
    sign_in(provider, window)
    identity = Identity.objects.get()
    page = unescape(window.get("/account/password/").content.decode())
    assert "Your only way in" in page
    assert "/unlink/" not in page
    assert "has no password yet" in unlink(window, identity, "whatever it may be")
    with pytest.raises(ValidationError, match="has no password yet"):
        elsewhere.unlink(user=identity.user, pk=identity.pk)
    assert Identity.objects.exists()


def test_a_provider_of_former_days_is_shown_by_its_address(provider: Provider, settings: Settings) -> None:
    ann, window = confirmed(), browser()
    sign_in(provider, window)
    settings.OIDC_SERVER_URL = ""
    assert provider.url in window.get("/account/password/").content.decode()
    assert "Unlinked." in unlink(window, ann.identities.get(), PASSWORD)


# --- who may not come in ---

FINE = Account()


@pytest.mark.parametrize(
    ("known", "same_address", "verified", "verdict"),
    [
        (FINE, None, False, Elsewhere.KNOWN),  # who is linked is known by the provider's name for them
        (Account(active=False), None, True, Elsewhere.NOT_OURS),
        (Account(staff=True), None, True, Elsewhere.OPERATOR),
        (None, None, True, Elsewhere.NEW),
        (None, None, False, Elsewhere.UNPROVEN_THERE),
        (None, FINE, True, Elsewhere.LINK),
        (None, FINE, False, Elsewhere.UNPROVEN_THERE),
        (None, Account(confirmed=False), True, Elsewhere.UNPROVEN_HERE),
        (None, Account(confirmed=False), False, Elsewhere.UNPROVEN_THERE),
        (None, Account(linked=True), True, Elsewhere.NOT_OURS),  # somebody else has the address there now
        (None, Account(active=False), True, Elsewhere.NOT_OURS),
        (None, Account(staff=True), True, Elsewhere.OPERATOR),
    ],
)
def test_what_becomes_of_whom(
    known: Account | None, same_address: Account | None, verified: bool, verdict: Elsewhere
) -> None:
    assert from_elsewhere(known=known, same_address=same_address, verified=verified) is verdict


TAKEOVERS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "an-unverified-address": ({"email_verified": False}, {}, "has not confirmed"),
    "a-word-that-is-not-yes": ({"email_verified": "no"}, {}, "has not confirmed"),
    "no-address": ({"email": "", "email_verified": True}, {}, "has not confirmed"),
    "an-account-that-waits-for-its-owner": ({}, {"email_confirmed_at": None}, "nobody has confirmed yet"),
    "an-operator": ({}, {"is_staff": True}, "Operators"),
    "who-was-switched-off": ({}, {"is_active": False}, "cannot be opened"),
}


@pytest.mark.parametrize("how", [pytest.param(name, id=f"v31a-{name}") for name in TAKEOVERS])
def test_nobody_takes_an_account_over(provider: Provider, how: str) -> None:
    said, here, words = TAKEOVERS[how]
    provider.person |= said
    provider.userinfo = {"sub": "7"}
    confirmed(**here)
    window = browser()
    assert sign_in(provider, window) == "/login/"
    assert who(window) is None
    assert words in unescape(window.get("/login/").content.decode())
    assert not Identity.objects.exists()


def test_v31b_an_address_that_was_given_to_somebody_else_there_opens_nothing(provider: Provider) -> None:
    ann = confirmed()
    sign_in(provider)
    provider.person["sub"] = "8"
    window = browser()
    assert sign_in(provider, window) == "/login/"
    assert who(window) is None
    assert ann.identities.get().subject == "7"


def test_v31c_a_closed_registration_is_closed_here_too(provider: Provider, settings: Settings) -> None:
    settings.REGISTRATION_OPEN = False
    assert sign_in(provider) == "/login/"
    assert not User.objects.exists()
    settings.REGISTRATION_OPEN = True
    confirmed()
    settings.REGISTRATION_OPEN = False
    window = browser()
    sign_in(provider, window)
    assert who(window)


# --- forged tokens and answers ---


def _by_hmac(key: bytes) -> Callable[[Provider], Callable[[dict[str, Any]], str]]:
    """Signed with something that is no secret of the provider's; PyJWT itself would not do it."""

    def sign(claims: dict[str, Any]) -> str:
        parts = [{"alg": "HS256", "kid": "one"}, claims]
        text = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
        mark = base64.urlsafe_b64encode(hmac.digest(key, text, "sha256")).rstrip(b"=")
        return (text + b"." + mark).decode()

    return lambda _provider: sign


def _by_the_public_key(provider: Provider) -> Callable[[dict[str, Any]], str]:
    pem = provider.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return _by_hmac(pem)(provider)


def _with(**said: Any) -> Callable[[Provider], Callable[[dict[str, Any]], str]]:
    """Well signed, but saying something else. None: not saying it."""
    return lambda provider: (
        lambda claims: provider.signed({name: value for name, value in (claims | said).items() if value is not None})
    )


FORGERIES: dict[str, tuple[Callable[[Provider], Callable[[dict[str, Any]], str]], str]] = {
    "alg-none": (lambda _: lambda claims: jwt.encode(claims, "", "none"), "signed by 'none'"),
    "by-the-client-secret": (_by_hmac(SECRET.encode()), "signed by 'HS256'"),
    "by-the-public-key": (_by_the_public_key, "signed by 'HS256'"),
    "by-another-key": (
        lambda _: lambda claims: jwt.encode(claims, new_key(), "ES256", headers={"kid": "one"}),
        "InvalidSignatureError",
    ),
    "by-a-key-that-it-brings": (
        lambda _: (
            lambda claims: jwt.encode(claims, (own := new_key()), "ES256", headers={"jwk": public(own), "kid": "one"})
        ),
        "InvalidSignatureError",
    ),
    "by-an-unknown-key": (lambda provider: lambda claims: provider.signed(claims, kid="two"), "0 of the provider"),
    "another-nonce": (_with(nonce="of another sign-in"), "another sign-in"),
    "no-nonce": (_with(nonce=None), "another sign-in"),
    "another-audience": (_with(aud="another client"), "InvalidAudienceError"),
    "also-for-us-but-anothers": (_with(aud=[CLIENT, "other"], azp="other"), "another client"),
    "another-issuer": (_with(iss="https://evil.test"), "InvalidIssuerError"),
    "expired": (_with(exp=int(time.time()) - 3_600), "ExpiredSignatureError"),
    "for-ever": (_with(exp=None), "MissingRequiredClaimError"),
    "nobody": (_with(sub=None), "MissingRequiredClaimError"),
    "no-token": (lambda _: lambda _claims: "three.dull.words", "DecodeError"),
}


@pytest.mark.parametrize("forgery", [pytest.param(name, id=f"v29a-{name}") for name in FORGERIES])
def test_a_forged_token_opens_nothing(provider: Provider, caplog: pytest.LogCaptureFixture, forgery: str) -> None:
    confirmed()
    make, why = FORGERIES[forgery]
    provider.sign = make(provider)
    window = browser()
    assert sign_in(provider, window) == "/login/"
    assert who(window) is None
    assert why in caplog.text


ANSWERS: dict[str, tuple[dict[str, str], str]] = {
    "another-state": ({"state": "x" * 43}, "the state is not"),
    "no-state": ({"state": ""}, "the state is not"),
    "a-refusal": ({"error": "access_denied", "code": ""}, "access_denied"),
    "no-code": ({"code": ""}, "the provider says"),
    "another-issuer": ({"iss": "https://evil.test"}, "another issuer"),
    "another-code": ({"code": "guessed"}, "answers 400"),
}


@pytest.mark.parametrize("how", [pytest.param(name, id=f"v35a-{name}") for name in ANSWERS])
def test_an_answer_that_is_not_ours(provider: Provider, caplog: pytest.LogCaptureFixture, how: str) -> None:
    changed, why = ANSWERS[how]
    confirmed()
    window = browser()
    answer = provider.grant(leave(window)) | changed
    assert come_back(window, answer) == "/login/"
    assert who(window) is None
    assert why in caplog.text


def test_v35b_an_answer_is_good_once_in_the_browser_that_left_and_not_for_long(provider: Provider) -> None:
    """Nobody is signed in as somebody else by a link that they are given."""
    confirmed()
    window, victim = browser(), browser()
    answer = provider.grant(leave(window))
    assert come_back(victim, answer) == "/login/"
    leave(victim)
    assert come_back(victim, answer) == "/login/"
    assert who(victim) is None
    assert come_back(window, answer) == HOME
    late = browser()
    answer = provider.grant(leave(late))
    session = late.session
    session[UNDER_WAY] = session[UNDER_WAY] | {"at": time.time() - oidc.LASTS_S - 1}
    session.save()
    assert come_back(late, answer) == "/login/"
    assert who(late) is None


PLACES: dict[str, tuple[dict[str, str], str]] = {
    "a-private-token-endpoint": ({"token_endpoint": "http://10.1.2.3/token"}, "10.1.2.3"),
    "metadata": ({"token_endpoint": "http://169.254.169.254/token"}, "169.254.169.254"),
    "private-keys": ({"jwks_uri": "http://[fd00::1]/keys"}, "fd00::1"),
    "a-file-of-keys": ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri of the provider is no address"),
    "another-name": ({"issuer": "https://evil.test"}, "calls itself"),
}


@pytest.mark.parametrize("how", [pytest.param(name, id=f"v10a-{name}") for name in PLACES])
def test_the_guard_stands_before_the_provider_too(
    provider: Provider, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    told, why = PLACES[how]
    confirmed()
    provider.about |= told
    window = browser()
    if how == "another-name":
        form = {"csrfmiddlewaretoken": csrf_token(window)}
        assert window.post("/login/elsewhere/", form)["Location"] == "/login/"
    else:
        assert sign_in(provider, window) == "/login/"
    assert who(window) is None
    assert why in caplog.text


def test_v10b_what_was_asked_over_tls_leads_to_nothing_without(caplog: pytest.LogCaptureFixture) -> None:
    about = {"issuer": "https://corp.example", "token_endpoint": "http://corp.example/token"}
    with pytest.raises(ElsewhereRefused):
        oidc._endpoint(about, "token_endpoint")
    assert "without TLS" in caplog.text


def test_v32a_the_door_knows_a_limit(provider: Provider) -> None:
    window = browser()
    token = csrf_token(window)
    answers = [window.get("/login/elsewhere/back/", {"code": str(n)}).status_code for n in range(21)]
    assert answers == [302] * 20 + [429]
    assert window.post("/login/elsewhere/", {"csrfmiddlewaretoken": token}).status_code == 429


def test_v36a_one_comes_back_to_our_own_pages(provider: Provider) -> None:
    assert sign_in(provider, next="//evil.test/") == HOME


def test_the_secret_is_nowhere(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    window = browser()
    page = window.post("/login/elsewhere/", {"csrfmiddlewaretoken": csrf_token(window)})
    assert SECRET not in page.content.decode() + caplog.text
