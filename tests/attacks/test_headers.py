"""Rows 35, 46, 47, 50, and what every answer has to say to browsers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from django.http import HttpResponseBase
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services.programs import open_api_session
from tests.probes.region import ROOT

pytestmark = pytest.mark.django_db

PRODUCTION = {
    "ALLOWED_HOSTS": "status.example.org",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/uptime",
    "DEBUG": "false",
    "FIELD_ENCRYPTION_KEYS": "b25seS1mb3ItdGhlLXR5cGUtY2hlY2tlci0zMmJ5dGU=",
    "JWT_SIGNING_KEY": "x8" * 40,
    "ONEBOX": "false",
    "PATH": os.environ["PATH"],
    "PYTHONWARNINGS": "ignore",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_x",
    "SITE_URL": "https://status.example.org",
}


class Inline(HTMLParser):
    """What would run, paint or load outside the files of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attrs}
        self.found += [f"<{tag} {name}>" for name in about if name == "style" or name.startswith(("on", "hx-on"))]
        if tag in {"style", "base", "object", "embed"} or (tag == "script" and not _is_ours(about)):
            self.found.append(f"<{tag}>")
        loaded = [about[name] for name in ("src", "srcset", "poster", "action", "formaction") if name in about]
        self.found += [f"{tag} from {url}" for url in loaded if re.match(r"(https?:)?//|javascript:|data:text", url)]


def _is_ours(script: dict[str, str]) -> bool:
    return bool(re.match(r"/\w", script.get("src", ""))) or script.get("type") == "application/json"


def is_page(answer: HttpResponseBase) -> bool:
    return answer.headers.get("Content-Type", "").startswith("text/html")


def offences(path: str, answer: HttpResponseBase, words: bytes) -> list[str]:
    """What an answer says wrongly, or forgets to say, to a browser; test_secrets.py asks it of all pages."""
    policy, found = answer.headers.get("Content-Security-Policy", ""), list[str]()
    if "default-src 'none'" not in policy or "unsafe" in policy:
        found.append(f"policy {policy!r}")
    if "frame-ancestors 'none'" not in policy and not path.startswith("/badge/") and "/widget" not in path:
        found.append("may be framed")
    for name, value in (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", ""), ("Permissions-Policy", "=()")):
        if value not in answer.headers.get(name, "absent"):
            found.append(f"{name} is {answer.headers.get(name)!r}")
    if "Cache-Control" not in answer.headers:
        found.append("says nothing about caching")
    if is_page(answer):
        parser = Inline()
        parser.feed(words.decode())
        found += parser.found
    return found


def django(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT, env=PRODUCTION | more, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_check_of_production_settings_has_nothing_to_say() -> None:
    said = (done := django("check", "--deploy", TRUSTED_PROXY_COUNT="1")).stdout + done.stderr
    assert "(0 silenced)" in said
    # What the API's description could say better is no matter of security.
    assert set(re.findall(r"\((\w+\.[A-Z]\d+)\)", said)) <= {"drf_spectacular.W001"}, said


def test_cookies_and_hsts_in_production() -> None:
    code = (
        "from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE,"
        " s.SECURE_HSTS_SECONDS >= 31536000, s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.DEBUG, len(s.SILENCED_SYSTEM_CHECKS),"
        " s.EMAIL_VERIFICATION, s.API_DOCS_OPEN)"
    )
    done = django("shell", "-v", "0", "-c", code, EMAIL_URL="smtp+tls://mail.example.org:587")
    assert done.stdout.strip() == "True True True Lax True True False 0 mandatory False", done.stderr


@pytest.mark.parametrize("path", ["/api/monitor", "/api/auth/login", "/api/schema", "/api/no-such-thing"])
@pytest.mark.parametrize("verb", ["get", "post"])
def test_v47a_the_api_is_not_redirected_but_refused_over_plain_http(settings: Settings, path: str, verb: str) -> None:
    settings.SITE_URL = "https://testserver"
    settings.SECURE_SSL_REDIRECT = True
    answer = getattr(APIClient(), verb)(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "https_required")
    assert getattr(APIClient(), verb)(path, secure=True).status_code != 403 or verb == "post"
    assert APIClient().get("/login/").status_code == 301


def test_v47b_a_stranger_cannot_claim_that_plain_was_encrypted(settings: Settings) -> None:
    settings.SITE_URL, settings.SECURE_PROXY_SSL_HEADER = "https://testserver", None
    for name in ("X-Forwarded-Proto", "X-Forwarded-Ssl", "Forwarded", "X-Url-Scheme", "Front-End-Https"):
        answer = APIClient().get("/api/schema", headers={name: "proto=https" if name == "Forwarded" else "https"})
        assert answer.status_code == 403, name


FILES = [
    *("/static/..%2fmanage.py", "/static/../manage.py", "/static/%2e%2e/uptime/settings.py", "/static/....//manage.py"),
    *("/static//etc/passwd", "/static/%00", "/static/..%5c..%5cmanage.py", "/admin../", "/.git/config", "/.git/"),
    *("/.env", "/manage.py", "/var/secrets.env", "/var/keys/usa.key", "/%2e%2e/%2e%2e/etc/passwd", "/server-status"),
    *(
        "/static/style.css/..%2f..%2f.env",
        "/media/",
        "/debug/",
        "/__debug__/",
        "/flower/",
        "/phpinfo.php",
        "/.well-known/x",
    ),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"row46-{path}")
def test_no_file_but_ours(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404, answer.headers
    assert b"SECRET" not in getattr(answer, "content", b"")


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("/metrics", {401, 404}),
        ("/admin/", {302}),
        ("/operator/", {302}),
        ("/api/monitoring/status", {401}),
        ("/swagger/", {404}),
        ("/api/schema/swagger-ui/", {404}),
    ],
    ids=lambda value: f"row47-{value}" if isinstance(value, str) else "",
)
def test_what_a_stranger_sees_of_the_machinery(client: Client, path: str, statuses: set[int]) -> None:
    assert client.get(path).status_code in statuses


def test_row47_the_description_of_the_api_is_for_members(settings: Settings, client: Client, owner: User) -> None:
    settings.API_DOCS_OPEN = False
    assert client.get("/api/schema").status_code == 401
    assert client.get("/api/docs")["Location"] == "/login/?next=/api/docs"
    program = APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {open_api_session(user=owner).access}")
    assert program.get("/api/schema").status_code == 200
    client.force_login(owner)
    assert client.get("/api/schema").status_code == client.get("/api/docs").status_code == 200
