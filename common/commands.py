"""What the commands have in common: arguments that are checked, numbers that are readable, JSON or words."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from time import monotonic
from typing import Any, Literal, TextIO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """An argument from ``low`` to ``high``."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return number

    return read


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day like 2026-01-31") from None


def readable_bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1_000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1_000
    return f"{size:.1f} TB"


@dataclass(frozen=True, slots=True)
class Word:
    """What was found of one part of the system, and what to do about it."""

    part: str
    state: Literal["ok", "warn", "fail"]
    says: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"\n{'':<25}{self.remedy}" if self.remedy else ""
        return f"{self.state:<5} {self.part:<18} {self.says}{remedy}"


def refusal(error: ValidationError) -> CommandError:
    """The same for a command line: each message with the name of what it is about."""
    if not hasattr(error, "error_dict"):
        return CommandError("; ".join(error.messages))
    return CommandError("; ".join(f"{name}: {' '.join(words)}" for name, words in error.message_dict.items()))


BAR_WIDTH = 30


class Progress:
    """How far a long work has come, on one line of a terminal; silent where nobody watches."""

    def __init__(self, stream: TextIO, what: str, total: int | None = None) -> None:
        self._stream, self._what, self._total = stream, what, total
        self._watched = stream.isatty()
        self._done, self._shown_at = 0, 0.0

    def step(self, count: int = 1) -> None:
        self._done += count
        if self._watched and monotonic() - self._shown_at > 0.2:
            self._show()

    def end(self) -> None:
        if self._watched:
            self._show()
            self._stream.write("\n")

    def _show(self) -> None:
        self._shown_at = monotonic()
        bar, of = "", ""
        if self._total:
            full = min(BAR_WIDTH, BAR_WIDTH * self._done // self._total)
            bar, of = f"[{'#' * full}{'.' * (BAR_WIDTH - full)}] ", f" of {self._total:,}"
        self._stream.write(f"\r\x1b[K{bar}{self._what}: {self._done:,}{of}")
        self._stream.flush()


class SpeakingCommand(BaseCommand):
    """A command that tells people what it does, or programs what it did."""

    def add_json(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def say_json(self, data: Any) -> None:
        self.stdout.write(json.dumps(data, indent=2, default=str))

    def say_table(self, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Columns as wide as they need to be; numbers to the right."""
        shown = [[_cell(cell) for cell in row] for row in rows]
        widths = [max(len(row[at]) for row in [list(headings), *shown]) for at in range(len(headings))]
        right = [all(isinstance(row[at], int | float) for row in rows) for at in range(len(headings))]
        for row in [list(headings), *shown]:
            cells = [
                cell.rjust(width) if is_number else cell.ljust(width)
                for cell, width, is_number in zip(row, widths, right, strict=True)
            ]
            self.stdout.write("  ".join(cells).rstrip())

    def say_words(self, words: Sequence[Word], *, as_json: bool, **more: Any) -> None:
        """What was found, part by part."""
        if as_json:
            self.say_json({"ok": not any_failed(words), "parts": [asdict(word) for word in words], **more})
            return
        for word in words:
            self.stdout.write(str(word))

    def say_progress(self, line: str) -> None:
        """For whoever waits; not part of the answer."""
        self.stderr.write(line)

    def say_nothing(self, line: str) -> None:
        pass

    def confirm(self, question: str) -> None:
        """Only ``yes`` goes on; nobody to ask is a no."""
        try:
            answer = input(f"{question} Type yes to go on: ")
        except EOFError:
            answer = ""
        if answer.strip().lower() != "yes":
            raise CommandError("Nothing was done.")


def any_failed(words: Sequence[Word]) -> bool:
    return any(word.state == "fail" for word in words)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
