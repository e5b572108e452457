"""Whatever a view raises, the client gets ``{"detail", "code", "fields"?}``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from django.core import exceptions as django_errors
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.test import Client
from django.urls import include, path
from rest_framework import exceptions as api_errors
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.accounts.cast import browser, program
from tests.dashboard.test_languages import english_of
from uptime.errors import problem_of

NOTHING_HERE = "There is nothing here."
CASES: dict[str, tuple[Exception, int, dict[str, Any]]] = {
    "fields": (
        api_errors.ValidationError({"url": ["No scheme.", "No host."], "name": ["Too long."]}),
        400,
        {
            "detail": "url: No scheme.",
            "code": "invalid",
            "fields": {"url": ["No scheme.", "No host."], "name": ["Too long."]},
        },
    ),
    "fields within fields": (
        api_errors.ValidationError({"spec": {"codes": {"0": ["No."]}, "headers": [{}, {"name": ["Bad."]}]}}),
        400,
        {
            "detail": "spec.codes.0: No.",
            "code": "invalid",
            "fields": {"spec.codes.0": ["No."], "spec.headers.1.name": ["Bad."]},
        },
    ),
    "the whole input": (
        api_errors.ValidationError({"non_field_errors": ["The timeout must be smaller than the interval."]}),
        400,
        {"detail": "The timeout must be smaller than the interval.", "code": "invalid"},
    ),
    "the whole of a part": (
        api_errors.ValidationError({"spec": {"non_field_errors": ["Expected an object."]}}),
        400,
        {
            "detail": "spec: Expected an object.",
            "code": "invalid",
            "fields": {"spec": ["Expected an object."]},
        },
    ),
    "a list of inputs": (
        api_errors.ValidationError([{}, {"url": ["No host."]}]),
        400,
        {"detail": "1.url: No host.", "code": "invalid", "fields": {"1.url": ["No host."]}},
    ),
    "one sentence": (
        api_errors.ValidationError("Choose another."),
        400,
        {"detail": "Choose another.", "code": "invalid"},
    ),
    "no sentence at all": (
        api_errors.ValidationError({}),
        400,
        {"detail": "The input is not valid.", "code": "invalid"},
    ),
    "a service that names the field": (
        django_errors.ValidationError({"url": "No host.", "__all__": ["Not like this."]}),
        400,
        {"detail": "Not like this.", "code": "invalid", "fields": {"url": ["No host."]}},
    ),
    "a service that says a sentence": (
        django_errors.ValidationError("At most %(n)s.", params={"n": 3}),
        400,
        {"detail": "At most 3.", "code": "invalid"},
    ),
    "Django's refusal": (
        django_errors.PermissionDenied(),
        403,
        {"detail": "You may not do this.", "code": "permission_denied"},
    ),
    "Django's refusal with a reason": (
        django_errors.PermissionDenied("Only owners."),
        403,
        {"detail": "Only owners.", "code": "permission_denied"},
    ),
    "nothing there": (
        Http404("No Monitor matches the given query."),
        404,
        {"detail": NOTHING_HERE, "code": "not_found"},
    ),
    "DRF's nothing there": (
        api_errors.NotFound("Invalid cursor"),
        404,
        {"detail": "Invalid cursor", "code": "not_found"},
    ),
    "the database away": (
        OperationalError("connection to server at 10.0.0.5 failed for user uptime"),
        503,
        {
            "detail": "The database does not answer at the moment. Try again in a few seconds.",
            "code": "database_unavailable",
        },
    ),
    "the connection closed": (
        InterfaceError("the connection is closed"),
        503,
        {
            "detail": "The database does not answer at the moment. Try again in a few seconds.",
            "code": "database_unavailable",
        },
    ),
    "a limit of Django's": (
        django_errors.TooManyFieldsSent("too many"),
        413,
        {"detail": "The request is larger than this server accepts.", "code": "too_large"},
    ),
    "something suspicious": (
        django_errors.SuspiciousOperation("/etc/passwd"),
        400,
        {"detail": "The server could not make sense of this request.", "code": "bad_request"},
    ),
    "a client that hung up": (
        UnreadablePostError("gone"),
        400,
        {"detail": "The server could not make sense of this request.", "code": "bad_request"},
    ),
    "a mistake of ours": (
        KeyError("secret"),
        500,
        {"detail": "Something went wrong on our side. It has been logged.", "code": "internal_error"},
    ),
}


class Raising(APIView):
    permission_classes = [AllowAny]

    def post(self, _request: Request, case: str) -> Response:
        raise CASES[case][0]


class Ready(APIView):
    permission_classes = [AllowAny]

    def post(self, request: Request, number: Any = None) -> Response:
        return Response({"given": request.data, "number": str(number)})


def ours(said: dict[str, Any]) -> dict[str, Any]:
    """What stands there beside the members of RFC 9457, which are the same for every problem of a kind."""
    said = dict(said)
    status, code = said.pop("status"), said["code"]
    assert (said.pop("type"), said.pop("title")) == (f"urn:uptime:problem:{code}", HTTPStatus(status).phrase)
    return said


def raising_page(_request: HttpRequest, case: str) -> HttpResponse:
    raise CASES[case][0]


urlpatterns = [
    path("api/raise/<str:case>", Raising.as_view()),
    path("api/ready", Ready.as_view()),
    path("api/ready/<uuid:number>", Ready.as_view()),
    path("raise/<str:case>", raising_page),
    path("", include("uptime.urls")),
]
handler400 = handler403 = handler404 = "uptime.errors.refused"
handler500 = "uptime.errors.failed"

pytestmark = pytest.mark.urls(__name__)


@pytest.mark.parametrize("case", CASES)
def test_it_is_said_in_one_shape(case: str) -> None:
    _, status, body = CASES[case]
    answer = program().post(f"/api/raise/{case}")
    assert (answer.status_code, ours(answer.json())) == (status, body)
    assert answer["Content-Type"] == "application/json"
    assert ("Retry-After" in answer) is (status == 503)


@pytest.mark.parametrize("case", [case for case, (_, status, _) in CASES.items() if status >= 500])
def test_our_own_failures_are_logged_with_their_trace_and_never_shown(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = program().post(f"/api/raise/{case}")
    (record,) = (record for record in caplog.records if record.name == "uptime.errors")
    assert record.exc_info
    assert record.exc_info[1] is CASES[case][0]
    assert str(CASES[case][0]) not in answer.content.decode()


@pytest.mark.parametrize(
    ("case", "status", "words"),
    [
        ("Django's refusal with a reason", 403, "Only owners."),
        ("nothing there", 404, "There is nothing here"),
        ("the database away", 503, "The database does not answer."),
        ("the connection closed", 503, "The database does not answer."),
        ("a limit of Django's", 413, "larger than this server accepts"),
        ("something suspicious", 400, "could not make sense"),
        ("a mistake of ours", 500, "Something went wrong on our side"),
    ],
)
def test_people_get_a_small_page(case: str, status: int, words: str) -> None:
    answer = browser().get(f"/raise/{case}")
    assert answer.status_code == status
    assert answer["Content-Type"].startswith("text/html")
    assert words in answer.content.decode()
    assert "Traceback" not in answer.content.decode()
    assert str(CASES[case][0]) not in answer.content.decode() or status == 403
    assert ("Retry-After" in answer) is (status == 503)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("Django's refusal with a reason", "Das ist nicht erlaubt"),
        ("nothing there", "Hier ist nichts"),
        ("the database away", "Im Moment nicht erreichbar"),
        ("a limit of Django's", "Das ist zu groß"),
        ("something suspicious", "Diese Anfrage ist nicht zu verstehen"),
        ("a mistake of ours", "Auf unserer Seite ist etwas schiefgegangen"),
    ],
)
def test_people_get_it_in_their_language(case: str, words: str) -> None:
    page = browser().get(f"/raise/{case}", headers={"Accept-Language": "de-AT"}).content.decode()
    assert '<html lang="de"' in page
    assert f"<h1>{words}</h1>" in page
    assert not english_of(page)


def test_a_form_without_its_mark_is_refused_in_the_language_of_the_reader() -> None:
    strict = Client(enforce_csrf_checks=True)
    for where in ("/login/", "/status/anything/subscribe/"):
        page = strict.post(where, headers={"Accept-Language": "de"})
        assert page.status_code == 403
        assert "Dieses Formular konnte nicht angenommen werden" in page.content.decode()


@pytest.mark.parametrize("where", ["/api", "/api/", "/api/nothing", "/api/nothing/", "/api/auth", "/api/ready/7"])
def test_an_unknown_address_below_api_is_json(where: str) -> None:
    answer = program().get(where)
    assert (answer.status_code, ours(answer.json())) == (404, {"detail": NOTHING_HERE, "code": "not_found"})


@pytest.mark.parametrize(
    "number",
    [
        "7",
        "x",
        "6f3b3f0e-0000-4000-8000-00000000000",
        "6f3b3f0e-0000-4000-8000-0000000000000",
        "%00",
        "..%2f..",
        "'",
    ],
)
def test_a_malformed_id_is_nothing_here(number: str) -> None:
    answer = program().post(f"/api/ready/{number}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("where", ["/nothing", "/.env", "/.git/config", "/admin../", "/static/..%2fmanage.py", "/apix"])
def test_an_unknown_address_elsewhere_is_a_page(where: str) -> None:
    answer = browser().get(where)
    assert answer.status_code == 404
    assert b"<h1>There is nothing here</h1>" in answer.content


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'a': 1}",
        b'{"a": 1} {"b": 2}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: str(body[:12]),
)
def test_malformed_json_is_refused(body: bytes) -> None:
    answer = program().post("/api/ready", body, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] in {"parse_error", "too_deep"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (r'{"a": [1, {"b\ud800": 2}]}', "a.1.b?"),
        (r'{"a": [1, {"b": "\udfff"}]}', "a.1.b"),
        ('{"a": -1e999}', "a"),
        ('{"a":' * 102 + "1" + "}" * 102, ".".join("a" * 102)[:100]),
    ],
)
def test_what_could_not_be_said_again_is_refused_by_its_place(body: str, field: str) -> None:
    answer = program().post("/api/ready", body, content_type="application/json")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])


def test_whole_surrogate_pairs_and_large_numbers_are_fine() -> None:
    body = r'{"a": "\ud83d\ude00", "b": 1e300, "c": ' + "9" * 4000 + "}"
    assert program().post("/api/ready", body, content_type="application/json").status_code == 200


@pytest.mark.parametrize("charset", ["zlib", "rot13", "hex", "no-such-charset", "utf-16"])
def test_an_odd_charset_is_no_failure(charset: str) -> None:
    answer = program().post("/api/ready", b'{"a": 1}', content_type=f"application/json; charset={charset}")
    assert answer.status_code in {200, 400}, answer.content


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense"])
def test_only_json_is_read(kind: str) -> None:
    answer = program().post("/api/ready", b"a=1", content_type=kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_wrong_method_is_told_the_right_ones() -> None:
    answer = program().delete("/api/ready")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in answer["Allow"]


def test_an_answer_that_the_client_does_not_want_is_still_json() -> None:
    answer = program().post("/api/ready", {}, headers={"Accept": "text/html"})
    assert answer.status_code in {200, 406}
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer x"}, {"Accept": "text/html"}])
def test_a_refusal_is_json_also_where_the_answer_would_be_yaml(headers: dict[str, str]) -> None:
    answer = program().get("/api/schema", headers=headers)
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["status"] == answer.status_code


def test_who_asks_for_problem_json_gets_it() -> None:
    for where in ("/api/raise/fields", "/api/nothing"):
        answer = program().post(where, headers={"Accept": "application/json, application/problem+json"})
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


@pytest.mark.django_db  # a foreign name may be a status page's own
@pytest.mark.parametrize("where", ["/login/", "/api/auth/login", "/api/nothing"])
def test_a_foreign_host_name_is_refused(where: str) -> None:
    answer = browser().get(where, headers={"Host": "evil.test"})
    assert answer.status_code == 400
    assert b"evil.test" not in answer.content


def test_an_unheard_of_exception_is_a_mistake_of_ours() -> None:
    assert problem_of(ZeroDivisionError()).status == 500
