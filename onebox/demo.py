"""A small site to watch while nothing real is at hand: healthy, slow or failing, as its own page says.

For development: only `python -m onebox` starts it, and it listens on loopback alone.
"""

import enum
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

FIRST_PORT = 8001
BACKLOG = 128
SLOW_SECONDS = 3.0
LONGEST_FORM = 1000

STYLE = """
:root { color-scheme: light dark; font: 1.05rem/1.6 system-ui, sans-serif; }
body { max-width: 36rem; margin: 12vh auto; padding: 0 1.25rem; }
form { display: flex; flex-wrap: wrap; gap: .75rem; }
button { font: inherit; padding: .5rem 1.25rem; border: 1px solid; border-radius: .5rem; cursor: pointer; }
button[aria-pressed=true] { font-weight: 700; outline: 3px solid; outline-offset: 2px; }
"""
FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


class State(enum.StrEnum):
    """How the site behaves."""

    HEALTHY = "healthy"
    SLOW = "slow"
    FAILING = "failing"


MEANINGS = {
    State.HEALTHY: "It answers at once with 200.",
    State.SLOW: f"It answers with 200, but takes {SLOW_SECONDS:g} seconds.",
    State.FAILING: "It answers at once with 500.",
}


class DemoSite(ThreadingHTTPServer):
    """The site and its state, which a file keeps over a restart."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, *, state_file: Path, slow_seconds: float = SLOW_SECONDS) -> None:
        """Take over a socket that listens already."""
        super().__init__(listener.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = listener.getsockname()
        self.slow_seconds = slow_seconds
        self._state_file = state_file

    @property
    def state(self) -> State:
        """The state; healthy until somebody says otherwise."""
        with suppress(FileNotFoundError, ValueError):
            return State(self._state_file.read_text().strip())
        return State.HEALTHY

    def switch(self, state: State) -> None:
        """Change the state, atomically: requests are answered meanwhile."""
        unfinished = self._state_file.with_name(self._state_file.name + ".new")
        unfinished.write_text(state.value)
        unfinished.replace(self._state_file)


class Handler(BaseHTTPRequestHandler):
    """`/` is the site, `/control` switches it."""

    server: DemoSite
    protocol_version = "HTTP/1.1"
    timeout = 30
    extra_headers: ClassVar[dict[str, str]] = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'",
    }

    def do_GET(self) -> None:
        """Show a page."""
        match urlsplit(self.path).path:
            case "/":
                self._site()
            case "/control":
                self._page(HTTPStatus.OK, "Demo site: control", _control(self.server.state))
            case "/style.css":
                self._answer(HTTPStatus.OK, STYLE, content_type="text/css")
            case _:
                self._page(HTTPStatus.NOT_FOUND, "Not found", "<p>There is no such page.</p>")

    def do_HEAD(self) -> None:
        """Like GET, without the page."""
        self.do_GET()

    def do_POST(self) -> None:
        """Switch the state, and go back to the control page."""
        length = int(self.headers.get("Content-Length") or 0)
        form = parse_qs(self.rfile.read(min(length, LONGEST_FORM)).decode(errors="replace"))
        wanted = form.get("state", [""])[0]
        if urlsplit(self.path).path != "/control" or wanted not in list(State):
            self.close_connection = True  # part of the body may still be on its way
            self._page(HTTPStatus.BAD_REQUEST, "Bad request", "<p>POST a state to /control.</p>")
            return
        self.server.switch(State(wanted))
        print(f"the demo site is now {wanted}", flush=True)
        self._answer(HTTPStatus.SEE_OTHER, "", headers={"Location": "/control"})

    def log_message(self, *_: Any) -> None:
        """Say nothing: a check a minute per region is no news."""

    def _site(self) -> None:
        state = self.server.state
        if state is State.SLOW:
            time.sleep(self.server.slow_seconds)
        status = HTTPStatus.INTERNAL_SERVER_ERROR if state is State.FAILING else HTTPStatus.OK
        title = "Something broke" if state is State.FAILING else "All is well"
        body = f'<p>The demo site is {state}. {MEANINGS[state]}</p><p><a href="/control">Change that</a></p>'
        self._page(status, title, body)

    def _page(self, status: HTTPStatus, title: str, body: str) -> None:
        self._answer(status, FRAME.format(title=title, body=body))

    def _answer(
        self,
        status: HTTPStatus,
        text: str,
        *,
        content_type: str = "text/html",
        headers: dict[str, str] | None = None,
    ) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (self.extra_headers | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _control(present: State) -> str:
    pressed = {state: "true" if state is present else "false" for state in State}
    buttons = "\n".join(
        f'<button name="state" value="{state}" aria-pressed="{pressed[state]}">{state}</button>' for state in State
    )
    return (
        f'<p>The demo site is <strong id="state">{present}</strong>. {MEANINGS[present]}</p>\n'
        f'<form method="post" action="/control">\n{buttons}\n</form>\n'
        '<p><a href="/">See the site</a></p>'
    )


def main() -> None:
    """Serve until told to stop, on the open socket whose number is the argument: the box holds it from its start on."""
    state_file = Path(os.environ.get("VAR_DIR") or "var") / "demo-state"
    state_file.parent.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listener = socket.socket(fileno=int(sys.argv[1]))
    with DemoSite(listener, state_file=state_file) as site, suppress(KeyboardInterrupt):
        site.serve_forever()


if __name__ == "__main__":
    main()
