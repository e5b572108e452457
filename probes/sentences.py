"""Sentences in English that can be said in another language as well. Pure: who speaks to people translates them
(``common.languages.spoken``), and what nobody translates is English.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Sentence(str):
    """English, and what it was made of: ``values`` fill the ``{names}`` of ``pattern``, or of ``plural`` unless
    ``number`` is 1. What is stored, sent or compared is the English alone.
    """

    pattern: str
    plural: str
    number: int
    values: Mapping[str, Any]

    def __new__(
        cls, text: str, pattern: str = "", plural: str = "", number: int = 1, values: Mapping[str, Any] | None = None
    ) -> Sentence:
        sentence = super().__new__(cls, text)
        sentence.pattern, sentence.plural, sentence.number, sentence.values = pattern, plural, number, values or {}
        return sentence

    def __str__(self) -> str:
        """Itself: who makes sure that it has a text takes no translation away."""
        return self


def say(pattern: str, /, **values: Any) -> str:
    """``say("at most {most} tags", most=20)``. Values may be sentences. Without values the pattern is the text."""
    return Sentence(pattern.format(**values) if values else pattern, pattern, values=values)


def say_many(one: str, many: str, /, count: int, **values: Any) -> str:
    """``say_many("once", "{count} times", count=n)``."""
    text = (one if count == 1 else many).format(count=count, **values)
    return Sentence(text, one, many, count, {"count": count, **values})


def joined(parts: Sequence[str], between: str = "; ") -> str:
    """Several in a row. There is nothing to translate in it but the parts."""
    names = {f"part{number}": part for number, part in enumerate(parts)}
    return say(between.join(f"{{{name}}}" for name in names), **names)


def ended(parts: Sequence[str]) -> str:
    """Several clauses as one sentence."""
    return say("{clauses}.", clauses=joined(parts))


def listed(parts: Sequence[str]) -> str:
    """``usa``, ``usa and india``, ``usa, india and japan``."""
    if len(parts) < 2:
        return "".join(parts)
    return say("{several} and {last}", several=joined(parts[:-1], ", "), last=parts[-1])
