"""Signing in at an OpenID Connect provider that the operator has chosen: ``begin`` leads there, ``finish`` reads what
the browser brings back.

The code flow with a state, a nonce and PKCE. What we ask the provider takes the road of everything that we dial
(``probes.post``): the guard, one deadline, no redirect, no proxy. PyJWT verifies the token with the provider's key.
"""

from __future__ import annotations

import json
import logging
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any
from urllib.parse import quote, urlencode

import jwt
from django.conf import settings
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from accounts.exceptions import ElsewhereRefused
from probes.contract import InvalidSpec
from probes.findings import Fault
from probes.hosts import Url, parse_url
from probes.post import Post, shared_poster

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a key pair. Neither ``none`` nor HS256, whose key would be something that others know."""

TIMEOUT_S = 10.0
LASTS_S = 600
"""From leaving for the provider to coming back."""

CLOCK_SLACK_S = 60
KNOWN_FOR_S = 300
"""How long what the provider says of itself is kept. Its keys are fetched for each sign-in: they may be new ones."""

MOST_KEYS = 50
OK = 200

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says of a person."""

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str


def is_on() -> bool:
    return bool(settings.OIDC_SERVER_URL)


def begin() -> tuple[str, dict[str, Any]]:
    """Where to send the browser, and what to keep in its session until it comes back. Raises ``ElsewhereRefused``."""
    about = _provider()
    kept = {name: token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    asked = {
        "response_type": "code",
        "client_id": settings.OIDC_CLIENT_ID,
        "redirect_uri": _way_back(),
        "scope": "openid email profile",
        "state": kept["state"],
        "nonce": kept["nonce"],
        "code_challenge": _unpadded(sha256(kept["verifier"].encode()).digest()),
        "code_challenge_method": "S256",
    }
    door = str(_endpoint(about, "authorization_endpoint"))
    return f"{door}{'&' if '?' in door else '?'}{urlencode(asked)}", kept | {"at": int(time.time())}


def finish(*, kept: Mapping[str, Any], answer: Mapping[str, str]) -> Claims:
    """Who has come back with this answer. Raises ``ElsewhereRefused``; the log says why."""
    about = _provider()
    _check_answer(kept, answer, about)
    tokens = _exchange(about, code=answer.get("code", ""), verifier=kept["verifier"])
    claims = _verified(about, str(tokens.get("id_token") or ""), nonce=kept["nonce"])
    if not claims.get("email") or "email_verified" not in claims:
        claims = _ask_for_the_rest(about, tokens, subject=claims["sub"]) | claims
    return Claims(
        issuer=about["issuer"],
        subject=claims["sub"],
        email=str(claims.get("email") or ""),
        email_verified=claims.get("email_verified") in (True, "true"),
        name=str(claims.get("name") or "")[:120],
    )


def _check_answer(kept: Mapping[str, Any], answer: Mapping[str, str], about: Mapping[str, Any]) -> None:
    if not kept or time.time() - kept["at"] > LASTS_S:
        raise _refused("nobody in this browser was under way, or too long ago")
    if not constant_time_compare(answer.get("state", ""), kept["state"]):
        raise _refused("the state is not the one that was sent")
    if answer.get("iss", about["issuer"]) != about["issuer"]:  # RFC 9207, where the provider says it
        raise _refused("the answer names another issuer")
    if "error" in answer or not answer.get("code"):
        raise _refused(f"the provider says {answer.get('error', 'nothing')[:60]!r}")


def _exchange(about: Mapping[str, Any], *, code: str, verifier: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code[:4_000],
        "redirect_uri": _way_back(),
        "code_verifier": verifier,
    }
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    ours = (settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET)
    if "client_secret_basic" in (about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]):
        pair = ":".join(quote(word, safe="") for word in ours)
        headers.append(("Authorization", f"Basic {b64encode(pair.encode()).decode()}"))
    else:
        form |= dict(zip(("client_id", "client_secret"), ours, strict=True))
    return _ask(_endpoint(about, "token_endpoint"), "POST", urlencode(form).encode(), headers)


def _verified(about: Mapping[str, Any], token: str, *, nonce: str) -> dict[str, Any]:
    """The claims of a token that the provider has signed for us, for this very sign-in."""
    try:
        head = jwt.get_unverified_header(token)
        if head.get("alg") not in ALGORITHMS:
            raise _refused(f"the token is signed by {str(head.get('alg'))[:20]!r}")
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(about, head),
            algorithms=[head["alg"]],
            audience=settings.OIDC_CLIENT_ID,
            issuer=about["issuer"],
            leeway=CLOCK_SLACK_S,
            options={"require": ["aud", "exp", "iat", "iss", "sub"]},
        )
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:  # the latter of keys that are none
        raise _refused(f"the token is not good: {type(error).__name__}") from error
    if not constant_time_compare(str(claims.get("nonce", "")), nonce):
        raise _refused("the token was made for another sign-in")
    if claims.get("azp", settings.OIDC_CLIENT_ID) != settings.OIDC_CLIENT_ID:
        raise _refused("the token was made for another client")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        raise _refused("the token names nobody")
    return claims


def _key(about: Mapping[str, Any], head: Mapping[str, Any]) -> Any:
    """The provider's key that the token names; where it names none, the only one of its kind."""
    published = _ask(_endpoint(about, "jwks_uri"), "GET").get("keys")
    found = [
        key
        for key in (published if isinstance(published, list) else [])[:MOST_KEYS]
        if isinstance(key, dict) and key.get("use", "sig") == "sig" and key.get("alg", head["alg"]) == head["alg"]
    ]
    named = [key for key in found if key.get("kid") == head["kid"]] if "kid" in head else found
    if len(named) != 1:
        raise _refused(f"{len(named)} of the provider's keys fit the token")
    return jwt.PyJWK(named[0], algorithm=head["alg"]).key


def _ask_for_the_rest(about: Mapping[str, Any], tokens: Mapping[str, Any], *, subject: str) -> dict[str, Any]:
    """Some providers tell the address only here. It counts if it is of the person whom the token names."""
    if "userinfo_endpoint" not in about or not isinstance(tokens.get("access_token"), str):
        return {}
    headers = [("Authorization", f"Bearer {tokens['access_token']}")]
    found = _ask(_endpoint(about, "userinfo_endpoint"), "GET", headers=headers)
    if found.get("sub") != subject:
        raise _refused("the provider tells of somebody else")
    return found


# --- asking the provider ---


def _provider() -> dict[str, Any]:
    return _told(settings.OIDC_SERVER_URL, int(time.time() / KNOWN_FOR_S))


@lru_cache(maxsize=2)
def _told(server: str, _while: int) -> dict[str, Any]:
    """What the provider says of itself; its name must be the very one that we know it by."""
    about = _ask(parse_url(f"{server.rstrip('/')}/.well-known/openid-configuration"), "GET")
    if about.get("issuer") != server:
        raise _refused(f"the provider calls itself {str(about.get('issuer'))[:200]!r}, not OIDC_SERVER_URL")
    return about


def _endpoint(about: Mapping[str, Any], name: str) -> Url:
    """One of its addresses. What is asked over TLS leads to nothing without it."""
    try:
        url = parse_url(str(about.get(name) or ""))
    except InvalidSpec as error:
        raise _refused(f"{name} of the provider is no address") from error
    if url.scheme != "https" and about["issuer"].startswith("https://"):
        raise _refused(f"{name} of the provider is without TLS")
    return url


def _ask(url: Url, method: str, body: bytes = b"", headers: list[tuple[str, str]] | None = None) -> dict[str, Any]:
    post = Post(url, body, (*(headers or ()), ("Accept", "application/json")), method)
    try:
        answer = shared_poster().send(post, timeout_s=TIMEOUT_S)
        said = json.loads(answer.body) if answer.status == OK else None
    except Fault as fault:
        raise _refused(f"{url.host} cannot be asked: {fault.message}") from fault
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise _refused(f"{url.host} answers {answer.status} to {method} {url.path.partition('?')[0][:100]}")
    return said


def _refused(why: str) -> ElsewhereRefused:
    logger.warning("Nobody was signed in by %s: %s", settings.OIDC_NAME, why)
    return ElsewhereRefused()


def _way_back() -> str:
    return f"{settings.SITE_URL}{reverse('elsewhere-back')}"


def _unpadded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
