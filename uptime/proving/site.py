"""A site on loopback to be checked, in a process of its own so that it takes no time from whoever checks it.

``/``: a page. ``/500``: an error. ``/slow``: an answer after 5 s. ``/short``: less than was promised. Needs nothing but
the standard library, says its port on standard output, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = b"<!doctype html><title>A page to be checked</title>" + b"x" * 500
SLOW_S = 5.0


@contextmanager
def running() -> Iterator[str]:
    """Its address, like ``http://127.0.0.1:4711``."""
    program = [sys.executable, "-I", str(Path(__file__).resolve())]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].partition(b"?")[0]
        if path == b"/slow":
            await asyncio.sleep(SLOW_S)
        status = b"500 Oops" if path == b"/500" else b"200 OK"
        promised = len(PAGE) + (100 if path == b"/short" else 0)
        head = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        writer.write(head % (status, promised) + PAGE)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, IndexError):
        pass  # whoever asked is gone, or so are we
    finally:
        writer.close()


async def serve() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
