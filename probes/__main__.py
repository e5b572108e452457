"""Check a site from the command line.

``python -m probes URL`` is for a person, ``--json`` gives one result as JSON, ``--jsonl`` reads one request
per line and writes one result per line as they finish. A single check ends with status 0 when the site is up
or degraded, 1 when it is down, 2 when that is unknown.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TextIO

from probes.contract import CheckRequest, CheckResult, InvalidSpec, Outcome
from probes.engine import Engine, invalid
from probes.settings import BadSetting
from probes.speak import verdict

EXIT_STATUS = {Outcome.UP: 0, Outcome.DEGRADED: 0, Outcome.DOWN: 1, Outcome.UNKNOWN: 2}
MAX_LINE = 4_000_000
MAX_PENDING = 20_000


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if not options.jsonl and options.target is None:
        _parser().error("give an address to check, or --jsonl")
    try:
        engine = Engine()
    except BadSetting as error:
        print(error, file=sys.stderr)
        return 2
    try:
        return _stream(engine, sys.stdin, sys.stdout) if options.jsonl else _check_one(engine, options)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m probes", description="Check a site and say what is wrong with it.")
    parser.add_argument("target", nargs="?", metavar="URL", help="the address to check, like https://example.org")
    parser.add_argument("--timeout", type=_seconds, default=10.0, metavar="SECONDS", help="for all tries together (10)")
    parser.add_argument("--retries", type=int, default=0, metavar="N", help="try again so often when it fails (0)")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the result as JSON")
    output.add_argument(
        "--jsonl", action="store_true", help="read requests from standard input, one JSON object a line"
    )
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds):
        raise ValueError(text)
    return seconds


def _check_one(engine: Engine, options: argparse.Namespace) -> int:
    url = options.target if "://" in options.target else f"https://{options.target}"
    wire = {
        "id": url,
        "kind": "http",
        "timeout_ms": int(options.timeout * 1000),
        "retries": options.retries,
        "spec": {"url": url},
    }
    result = read_line(json.dumps(wire))
    if isinstance(result, CheckRequest):
        result = engine.run_one(result)
    print(json.dumps(result.to_wire()) if options.json else verdict(result, colours=sys.stdout.isatty()))
    return EXIT_STATUS[result.outcome]


def read_line(line: str | bytes) -> CheckRequest | CheckResult:
    """The request on a line, or the result that says why it is none."""
    data: object = None
    try:
        if len(line) > MAX_LINE:
            raise InvalidSpec(f"a line holds at most {MAX_LINE:,} bytes", "request")
        data = json.loads(line if isinstance(line, str) else line.decode("utf-8-sig"))
        json.dumps(data, ensure_ascii=False).encode()  # half a surrogate pair is no text that could be sent anywhere
        return replace(CheckRequest.from_wire(data), id=_id_of(data))
    except InvalidSpec as error:
        return invalid(_as_far_as_known(data), error)
    except (ValueError, RecursionError) as error:
        return invalid(_as_far_as_known(data), InvalidSpec(f"this is not JSON: {error}"[:200], "request"))


def _id_of(data: Any) -> Any:
    """As it was given, so that whoever numbers requests finds the numbers again."""
    return data.get("id", "")


def _as_far_as_known(data: object) -> CheckRequest:
    known = data if isinstance(data, dict) else {}
    return CheckRequest(id=_id_of(known), kind=str(known.get("kind", "")), spec={})


def _stream(engine: Engine, source: TextIO, target: TextIO) -> int:
    """Read and answer at the same time: each result is written as soon as it is there."""
    room = threading.Semaphore(MAX_PENDING)
    writing = threading.Lock()

    def answer(result: CheckResult) -> None:
        line = json.dumps(result.to_wire()) + "\n"
        try:
            with writing:
                target.write(line)
                target.flush()
        except OSError:  # nobody reads any more; the thread that reads requests would never notice
            os._exit(1)
        room.release()

    def answer_all(results: list[CheckResult]) -> None:
        for result in results:
            answer(result)

    answer_soon = engine.gather(answer_all)
    for line in source.buffer:
        if not line.strip():
            continue
        room.acquire()
        request = read_line(line)
        if isinstance(request, CheckRequest):
            engine.submit([request], answer_soon)
        else:
            answer(request)
    for _ in range(MAX_PENDING):
        room.acquire()
    return 0


if __name__ == "__main__":
    sys.exit(main())
