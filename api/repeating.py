"""``Idempotency-Key``: a POST that is sent again is done once, and answered as it was the first time.

The answer is kept for a day, in the transaction of what the request did; a server that dies between the two leaves
neither. Whoever asks the same at the same time waits for the first one's row. Only what was done is kept: a refusal
changed nothing, and may be mended and sent again under its key.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cryptography.fernet import InvalidToken
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.utils import OperationalError
from django.http import HttpRequest, HttpResponse
from psycopg.errors import LockNotAvailable
from rest_framework import status
from rest_framework.exceptions import APIException, Throttled
from rest_framework.request import Request

from accounts.access.authentication import BearerAuthentication
from accounts.access.throttles import CallerThrottle
from accounts.models import ApiKey
from accounts.selectors import membership_of
from api.asking import View, api_view_of, refuse, run
from api.models import KEPT_FOR_H, KeptAnswer
from monitors.secrets import seal, unseal

HEADER = "Idempotency-Key"
MOST_KEPT_BYTES = 65_536
"""A day of large answers, to requests that change nothing perhaps, would fill the disk."""

WAIT_S = 10
"""For another request with the same key; longer than all but the slowest of them take."""


class OtherRequest(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was sent with another request. Make a new key for each thing to be done."


class UnderWay(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_under_way"
    default_detail = "The same request is still being answered. Send it again in a moment."
    wait = 2


class SaidOnce(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "answer_not_kept"
    default_detail = "This was done. Its answer is not kept, as it is large or holds a secret: undo it, or look."


class BadKey(APIException):
    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid"
    default_detail = f"{HEADER}: must be 1 to 255 visible ASCII characters, a UUID for example."


class RepeatingMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        key = request.headers.get(HEADER)
        if key is None or request.method != "POST" or not _is_for_the_known(view):
            return None
        caller = _caller(request)
        if caller is None:
            return None  # the view knows how to say so
        if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
            return refuse(request, BadKey())
        name, asked = _digest(caller, key), _digest(request.method, request.get_full_path(), request.body)
        try:
            return _once(name, asked, lambda: run(view, request, args, kwargs), again=lambda: _count(request))
        except APIException as refusal:
            return refuse(request, refusal)


def _is_for_the_known(view: View) -> bool:
    """The doors stay as they are: their answers are tokens, which nobody keeps."""
    kind = api_view_of(view)
    return kind is not None and list(kind.authentication_classes) == [BearerAuthentication]


def _caller(request: HttpRequest) -> str | None:
    """Who asks, for which team: the same after a new access token. None for nobody."""
    try:
        known = BearerAuthentication().authenticate(Request(request))
        if known is None:
            return None
        user, credentials = known
        team = membership_of(user).team_id
    except (APIException, PermissionDenied, ValidationError):
        return None
    return f"key {credentials.pk}" if isinstance(credentials, ApiKey) else f"person {user.pk} {team}"


def _count(request: HttpRequest) -> None:
    """What is answered again is a request like any; the view, which would have counted it, is not asked."""
    limit = CallerThrottle()
    if not limit.allow_request(Request(request, authenticators=[BearerAuthentication()]), None):
        raise Throttled(limit.wait())


def _digest(*parts: str | bytes) -> str:
    whole = sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(b"%d:" % len(data) + data)
    return whole.hexdigest()


def _once(name: str, asked: str, do: Callable[[], HttpResponse], *, again: Callable[[], None]) -> HttpResponse:
    with transaction.atomic():
        if not _is_first(name, asked):
            again()
            return _said(KeptAnswer.objects.get(pk=name), asked)
        response = do()
        if connection.needs_rollback or status.is_server_error(response.status_code):
            transaction.set_rollback(True)
        elif status.is_success(response.status_code):
            _keep(name, response)
        else:
            KeptAnswer.objects.filter(pk=name).delete()
    return response


def _is_first(name: str, asked: str) -> bool:
    """Takes the key, or waits for whoever holds it. One that is a day old is as good as new."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{WAIT_S}s'")
            cursor.execute(
                "INSERT INTO api_keptanswer AS kept (name, asked, content_type, sealed, shown_once)"
                " VALUES (%s, %s, '', '', false) ON CONFLICT (name) DO UPDATE"
                " SET asked = excluded.asked, status = NULL, created_at = now(), shown_once = false"
                " WHERE kept.created_at < now() - make_interval(hours => %s) RETURNING 1",
                [name, asked, KEPT_FOR_H],
            )
            first = cursor.fetchone() is not None
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise UnderWay from error
        raise
    return first


def _keep(name: str, response: HttpResponse) -> None:
    secret = "no-store" in response.headers.get("Cache-Control", "")
    untold = secret or len(response.content) > MOST_KEPT_BYTES
    KeptAnswer.objects.filter(pk=name).update(
        status=response.status_code,
        content_type=response.headers.get("Content-Type", ""),
        sealed="" if untold else seal({"body": response.content.decode()}),
        shown_once=untold,
    )


def _said(kept: KeptAnswer, asked: str) -> HttpResponse:
    if kept.asked != asked:
        raise OtherRequest
    if kept.shown_once:
        raise SaidOnce
    try:
        body = unseal(kept.sealed).get("body", "")
    except InvalidToken as error:  # its key is no more among FIELD_ENCRYPTION_KEYS
        raise SaidOnce from error
    headers = {"Idempotent-Replayed": "true"} | ({"Content-Type": kept.content_type} if kept.content_type else {})
    return HttpResponse(body, status=kept.status or 200, headers=headers)
