"""Carries one message by Apprise: ``python -m probes.relay``, JSON in on stdin, JSON out on stdout, then it ends.

Apprise knows many services and speaks to all of them through ``requests``. In this process ``requests`` has one way
out, the poster that everything else takes, with its guard and its deadline; names are looked up and sockets opened
nowhere else. That is why it is a process of its own: what is bent here is bent for nobody else.
"""

from __future__ import annotations

import importlib
import json
import socket
import sys
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NoReturn

import requests
from apprise import AppriseAsset, NotifyType
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from probes.contract import InvalidSpec, Reason
from probes.findings import Fault
from probes.hosts import parse_url
from probes.post import Answer, Post, shared_poster

TOTAL_S = 15.0
MOST_REQUESTS = 10
ANSWER_BYTES = 2_000
OURS = {"host", "content-length", "connection", "accept-encoding", "transfer-encoding"}
LEVELS = {"info": NotifyType.INFO, "warning": NotifyType.WARNING, "critical": NotifyType.FAILURE}


@dataclass
class Road:
    """The only way out of this process, and what was met on it."""

    until: float
    answers: list[Answer] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def send(self, _adapter: HTTPAdapter, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        """In the place of ``HTTPAdapter.send``. Proxies, and wishes to trust any certificate, are not heard."""
        if len(self.answers) + len(self.faults) >= MOST_REQUESTS:
            raise requests.ConnectionError("one message may not ask for so many requests")
        try:
            answer = shared_poster().send(self._post(request), timeout_s=max(0.1, self.until - monotonic()))
        except InvalidSpec as error:
            self.faults.append(Fault(Reason.INVALID_SPEC, None, str(error)))
            raise requests.exceptions.InvalidURL(str(error)) from error
        except Fault as fault:
            self.faults.append(fault)
            raise requests.ConnectionError(fault.message) from fault
        self.answers.append(answer)
        return _response(request, answer)

    @staticmethod
    def _post(request: requests.PreparedRequest) -> Post:
        body = request.body or b""
        if not isinstance(body, str | bytes):
            raise InvalidSpec("only plain bodies are sent")
        headers = tuple((_text(name), _text(value)) for name, value in request.headers.items())
        return Post(
            url=parse_url(request.url or ""),
            body=body.encode() if isinstance(body, str) else body,
            headers=tuple(header for header in headers if header[0].lower() not in OURS),
            method=request.method or "POST",
        )


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _response(request: requests.PreparedRequest, answer: Answer) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict(answer.headers)
    response._content = answer.body  # as its own ``content`` would leave it
    response.url, response.request = request.url or "", request
    response.encoding = "utf-8"
    return response


def _refuse(*_arguments: Any, **_options: Any) -> NoReturn:
    raise OSError("this process has no other way out")


def close_all_other_roads(road: Road) -> None:
    """Sessions of any kind send through the adapter's class; below it, nothing finds an address or a connection."""
    HTTPAdapter.send = lambda adapter, request, **options: road.send(adapter, request, **options)  # type: ignore[method-assign]
    socket.getaddrinfo = _refuse
    socket.create_connection = _refuse


def carry(told: dict[str, Any]) -> dict[str, Any]:
    """``module`` and ``name`` are those of the service's class in Apprise."""
    road = Road(until=monotonic() + TOTAL_S)
    close_all_other_roads(road)
    service = getattr(importlib.import_module(f"apprise.plugins.{told['module']}"), told["name"])
    try:
        settings = service.parse_url(told["url"])
        asset = AppriseAsset(storage_mode="memory", secure_logging=True, app_id="Uptime", app_desc="Uptime")
        plugin = service(**settings, asset=asset)
        plugin.request_rate_per_sec = 0
    except TypeError as error:
        return {"ok": False, "permanent": True, "reason": f"Apprise does not take this address: {error}"[:300]}
    ok = plugin.notify(body=told["body"], title=told["title"], notify_type=LEVELS[told["level"]])
    return _word(road, bool(ok))


def _word(road: Road, ok: bool) -> dict[str, Any]:
    last = road.answers[-1] if road.answers else None
    said: dict[str, Any] = {"ok": ok, "permanent": False, "reason": ""}
    if last is not None:
        said |= {"status": last.status, "answer": last.body[:ANSWER_BYTES].decode(errors="replace")}
        said["retry_after"] = last.header("retry-after")
    if road.faults:
        fault = road.faults[-1]
        blocked = fault.reason in {Reason.ADDRESS_BLOCKED, Reason.INVALID_SPEC}
        said |= {"reason": fault.message, "permanent": blocked}
    elif not ok and last is None:
        said |= {"reason": "Apprise did not take the address or the message", "permanent": True}
    return said


if __name__ == "__main__":
    json.dump(carry(json.load(sys.stdin)), sys.stdout)
