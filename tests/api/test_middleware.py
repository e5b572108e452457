from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.accounts.cast import browser, program


class Echo(APIView):
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        return Response({"path": request.path, "query": request.query_params.dict()})

    def post(self, request: Request) -> Response:
        return Response({"given": request.data})


def form_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.POST)))


urlpatterns = [path("api/echo", Echo.as_view()), path("form", form_page), path("form/", form_page)]
handler400 = handler403 = handler404 = "uptime.errors.refused"
handler500 = "uptime.errors.failed"

# A bare WSGI call closes old connections, and so looks at the one that an earlier test may have left.
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]

LIMIT = 1_048_576


def raw(path: str, body: bytes, **environ: str) -> tuple[int, bytes, int]:
    """Status, answer, and how many bytes of the body the server took: what only a bare WSGI call can show."""
    stream = BytesIO(body)
    words: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "HTTP_HOST": "testserver",
        "CONTENT_TYPE": "application/json",
        "wsgi.input": stream,
        **environ,
    }
    setup_testing_defaults(words)
    statuses: list[str] = []

    def start(status: str, _headers: list[tuple[str, str]], _exc: Any = None) -> Any:
        statuses.append(status)

    answer: Iterable[bytes] = get_wsgi_application()(words, start)
    return int(statuses[0].split()[0]), b"".join(answer), stream.tell()


# --- health ---


@pytest.mark.parametrize("host", ["testserver", "10.1.2.3:8000", "evil.test", "", "not a host"])
def test_health_asks_nobody(host: str, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    answer = browser().get("/healthz", headers={"Host": host})
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert "Set-Cookie" not in answer


@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_health_answers_every_method(method: str) -> None:
    assert getattr(browser(), method)("/healthz").status_code == 200


def test_only_this_one_address_is_health() -> None:
    assert browser().get("/healthz/x").status_code == 404


# --- too large ---


@pytest.mark.parametrize(("where", "kind"), [("/api/echo", "application/json"), ("/form", "text/html; charset=utf-8")])
def test_a_body_announced_as_too_large_is_refused_unread(where: str, kind: str) -> None:
    status, answer, taken = raw(where, b"x" * 100, CONTENT_LENGTH=str(LIMIT + 1))
    assert (status, taken) == (413, 0)
    assert (b'"code": "too_large"' in answer) is where.startswith("/api/")


def test_a_body_at_the_limit_is_read() -> None:
    body = b'{"a": "' + b"x" * (LIMIT - 9) + b'"}'
    assert len(body) == LIMIT
    assert program().post("/api/echo", body, content_type="application/json").status_code == 200
    answer = program().post("/api/echo", body + b" ", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_body_without_its_length_is_refused_unread() -> None:
    status, answer, taken = raw("/api/echo", b"x" * 100, HTTP_TRANSFER_ENCODING="chunked")
    assert (status, taken) == (411, 0)
    assert b'"code": "length_required"' in answer


@pytest.mark.parametrize("length", ["x", "1e9", "0x10", "1.5", "-5", "9" * 5000])
def test_a_length_that_is_no_number_is_refused_unread(length: str) -> None:
    assert raw("/api/echo", b"x" * 100, CONTENT_LENGTH=length)[::2] == (411, 0)


def test_what_comes_beyond_the_announced_length_is_never_read() -> None:
    status, answer, taken = raw("/api/echo", b'{"a":1}' + b"x" * LIMIT, CONTENT_LENGTH="7")
    assert (status, answer, taken) == (200, b'{"given":{"a":1}}', 7)


@pytest.mark.parametrize("length", ["", "0"])
def test_no_length_is_no_body(length: str) -> None:
    status, answer, taken = raw("/api/echo", b'{"a":1}', CONTENT_LENGTH=length)
    assert (status, answer, taken) == (200, b'{"given":{}}', 0)


def test_a_body_that_ends_early_is_malformed() -> None:
    status, answer, _ = raw("/api/echo", b'{"a":', CONTENT_LENGTH="500")
    assert status == 400
    assert b"parse_error" in answer


@pytest.mark.parametrize(
    ("limit", "body"),
    [("DATA_UPLOAD_MAX_NUMBER_FIELDS", b"a=1&b=2&c=3"), ("DATA_UPLOAD_MAX_MEMORY_SIZE", b"a=12345678")],
)
def test_django_s_own_limits_say_too_large(settings: Settings, limit: str, body: bytes) -> None:
    setattr(settings, limit, 2)
    # The CSRF check is the first to read the form, below the view. It only looks where there is a cookie.
    status, answer, _ = raw(
        "/form",
        body,
        CONTENT_LENGTH=str(len(body)),
        CONTENT_TYPE="application/x-www-form-urlencoded",
        HTTP_COOKIE=f"csrftoken={'a' * 32}",
    )
    assert status == 413
    assert b"larger than this server accepts" in answer


# --- slashes ---


@pytest.mark.parametrize("where", ["/api/echo", "/api/echo/"])
def test_a_trailing_slash_makes_no_difference_below_api(where: str) -> None:
    answer = program().get(f"{where}?a=b/")
    assert answer.status_code == 200
    assert answer.json() == {"path": "/api/echo", "query": {"a": "b/"}}


@pytest.mark.parametrize("where", ["/api/echo//", "/api//echo", "/api/echo/x/"])
def test_one_slash_is_forgiven_not_two(where: str) -> None:
    assert program().get(where).status_code == 404


def test_a_body_survives_the_slash() -> None:
    assert program().post("/api/echo/", {"a": 1}).json() == {"given": {"a": 1}}


def test_pages_keep_their_slash() -> None:
    assert browser().get("/form/").status_code == 200


# --- the database away, below a middleware rather than in a view ---


class _BrokenMiddleware:
    def __init__(self, get_response: object) -> None:
        self.get_response = get_response

    def __call__(self, _request: HttpRequest) -> HttpResponse:
        raise OperationalError("server closed the connection unexpectedly")


@pytest.mark.parametrize(("where", "kind"), [("/api/echo", "application/json"), ("/form/", "text/html; charset=utf-8")])
def test_a_middleware_that_misses_the_database_says_503_too(settings: Settings, where: str, kind: str) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}._BrokenMiddleware"]
    answer = browser().get(where)
    assert (answer.status_code, answer["Content-Type"], answer["Retry-After"]) == (503, kind, "5")
