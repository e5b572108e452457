"""Everybody's lines on one output, each with the name of the process that wrote it."""

import contextlib
import os
import selectors
from dataclasses import dataclass, field
from typing import IO

LONGEST_LINE = 8192
COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


@dataclass
class Log:
    """Writes lines with a name before them, aligned; in colour for a person at a terminal."""

    stream: IO[str]
    width: int = 8
    coloured: bool = False
    _colours: dict[str, int] = field(default_factory=dict)

    def line(self, name: str, text: str) -> None:
        """Write one line; a reader that went away must not keep us from stopping the others."""
        label = f"{name:<{self.width}} |"
        if self.coloured:
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            label = f"\033[{colour}m{label}\033[0m"
        with contextlib.suppress(OSError):
            self.stream.write(f"{label} {text}\n")
            self.stream.flush()

    def text(self, text: str) -> None:
        """Write a block as it is."""
        with contextlib.suppress(OSError):
            self.stream.write(f"{text}\n")
            self.stream.flush()


class Pipes:
    """What the programs write, cut into lines for the log."""

    def __init__(self, log: Log) -> None:
        """Without pipes at first."""
        self._log = log
        self._selector = selectors.DefaultSelector()
        self._half_lines: dict[int, bytes] = {}

    def open(self, name: str) -> int:
        """A file descriptor to write to; close it once the program has it."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self._selector.register(reader, selectors.EVENT_READ, name)
        self._half_lines[reader] = b""
        return writer

    def pump(self, seconds: float) -> None:
        """Wait up to so long for output, and log what is there."""
        for key, _events in self._selector.select(seconds):
            self._read(key.fd, key.data)

    def _read(self, reader: int, name: str) -> None:
        data = os.read(reader, 65536)
        *lines, rest = (self._half_lines[reader] + data).split(b"\n")
        if rest and (not data or len(rest) > LONGEST_LINE):
            lines.append(rest)
            rest = b""
        self._half_lines[reader] = rest
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                self._log.line(name, text)
        if not data:
            self._selector.unregister(reader)
            del self._half_lines[reader]
            os.close(reader)
