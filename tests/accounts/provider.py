"""An OpenID Connect provider on loopback that signs real tokens, and says what the test has it say."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm

from tests.loopback import Asked, listening

CLIENT, SECRET = "uptime of the tests", "a secret: that only/the tests use"


def new_key() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def public(key: EllipticCurvePrivateKey, **more: str) -> dict[str, Any]:
    return json.loads(ECAlgorithm.to_jwk(key.public_key())) | more  # type: ignore[no-any-return]


@dataclass
class Provider:
    """``sign`` makes the token of the claims; ``about`` and ``userinfo`` are added to what it says by itself."""

    key: EllipticCurvePrivateKey = field(default_factory=new_key)
    url: str = ""
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "7", "email": "ann@corp.example"})
    userinfo: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    keys: list[dict[str, Any]] = field(default_factory=list)
    sign: Callable[[dict[str, Any]], str] | None = None
    asked: list[str] = field(default_factory=list)
    granted: dict[str, str] = field(default_factory=dict)

    def grant(self, asked: dict[str, str]) -> dict[str, str]:
        """The person has said yes: what the browser brings back."""
        self.granted = asked
        return {"code": "a code", "state": asked["state"]}

    def claims(self) -> dict[str, Any]:
        now = int(time.time())
        times = {"iat": now, "exp": now + 300}
        ours = {"iss": self.url, "aud": CLIENT, "nonce": self.granted["nonce"], "email_verified": True}
        return times | ours | self.person

    def signed(self, claims: dict[str, Any], **head: str) -> str:
        return jwt.encode(claims, self.key, "ES256", headers={"kid": "one"} | head)

    def answer(self, path: str, form: dict[str, list[str]], authorization: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(path)
        match path:
            case "/.well-known/openid-configuration":
                return 200, self._about()
            case "/keys":
                return 200, {"keys": self.keys or [public(self.key, kid="one", use="sig")]}
            case "/token" if self._is_good(form, authorization):
                token = (self.sign or self.signed)(self.claims())
                return 200, {"id_token": token, "access_token": "an access token", "token_type": "Bearer"}
            case "/userinfo" if authorization == "Bearer an access token":
                return 200, self.userinfo
        return 400, {"error": "invalid_request"}

    def serve(self, asked: Asked) -> None:
        if asked.path.startswith("/authorize?"):  # a browser comes by: its person says yes
            wanted = dict(parse_qsl(urlsplit(asked.path).query))
            back = f"{wanted['redirect_uri']}?{urlencode(self.grant(wanted))}"
            asked.reply(status=302, headers={"Location": back})
            return
        form = parse_qs(asked.body.decode())
        status, said = self.answer(asked.path, form, asked.headers.get("Authorization", ""))
        asked.reply(json.dumps(said).encode(), status=status)

    def _about(self) -> dict[str, Any]:
        places = {"authorization_endpoint": "authorize?x=1", "token_endpoint": "token", "jwks_uri": "keys"}
        ends = {name: f"{self.url}/{place}" for name, place in places.items()}
        return {"issuer": self.url, "userinfo_endpoint": f"{self.url}/userinfo"} | ends | self.about

    def _is_good(self, form: dict[str, list[str]], authorization: str) -> bool:
        digest = sha256(form["code_verifier"][0].encode()).digest()
        return (
            form["code"] == ["a code"]
            and form["redirect_uri"] == [self.granted["redirect_uri"]]
            and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.granted["code_challenge"]
            and base64.b64decode(authorization.removeprefix("Basic ")).decode()
            == "uptime%20of%20the%20tests:a%20secret%3A%20that%20only%2Fthe%20tests%20use"
        )


@contextlib.contextmanager
def serving() -> Iterator[Provider]:
    provider = Provider()
    with listening(provider.serve) as provider.url:
        yield provider
