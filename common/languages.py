"""What the code says in English, in the language of whoever reads it.

Rules, probes and services say sentences (``probes.sentences.say``): English that remembers its pattern. ``spoken`` says
one in the language of the moment. Others have forgotten theirs, as they were stored, sent by a region or carried by an
exception: it is looked for in the catalogue. What is found nowhere, such as words of others, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, Protocol, TypeVar

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext, ngettext
from django.utils.translation.trans_real import translation as catalogue_of

from probes.sentences import Sentence

K = TypeVar("K")


class Reader(Protocol):
    """A person. ``language`` is empty where nothing was chosen."""

    language: str


class Words(Mapping[K, str]):
    """A vocabulary: keys of the code, and for each a text (marked by ``gettext_noop``), translated when it is read."""

    def __init__(self, texts: Mapping[K, str]) -> None:
        self._texts = texts

    def __getitem__(self, key: K) -> str:
        return gettext(self._texts[key])

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    def __iter__(self) -> Iterator[K]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


HOLE = re.compile(r"\{([a-z_][a-z_0-9]*)\}")
DEPTH = 4
"""Stored sentences have others inside of them: "held too long: given up after 5 tries: it answered 500"."""

TELLING = 6
"""Letters of its own by which a pattern is known again: "{count} min" might be anything."""


def in_language_of(person: Reader | None) -> translation.override:
    """While something is written for somebody who is not at hand to be asked."""
    return translation.override((person.language if person else "") or settings.LANGUAGE_CODE)


def spoken(text: Any) -> str:
    """In the language of the moment, as all that is said here."""
    if not isinstance(text, Sentence) or not text.pattern:
        return recalled(str(text), translation.get_language() or "en")
    pattern = ngettext(text.pattern, text.plural, text.number) if text.plural else gettext(text.pattern)
    return pattern.format(**{name: _value(value) for name, value in text.values.items()}) if text.values else pattern


def _value(value: Any) -> Any:
    return spoken(value) if isinstance(value, str) else value


@lru_cache(maxsize=4096)
def recalled(text: str, language: str, depth: int = DEPTH) -> str:
    """A sentence that was kept in English, in a language; found whole or by its pattern."""
    if language.startswith("en") or " " not in text:
        return text
    with translation.override(language):
        said = gettext(text)
        if said != text or not depth:
            return said
        for pattern, form in patterns(language):
            if found := form.fullmatch(text):
                values = {name: recalled(value, language, depth - 1) for name, value in found.groupdict().items()}
                return gettext(pattern).format(**values)
    clauses = text.split("; ")
    return "; ".join(recalled(clause, language, depth - 1) for clause in clauses) if len(clauses) > 1 else text


@cache
def patterns(language: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The patterns of sentences in a catalogue, those with the most words of their own first.

    Pages mark theirs by ``%(names)s``, so that none of them is among these.
    """
    known = catalogue_of(language)._catalog.keys()  # type: ignore[attr-defined]  # as Django's own JavaScriptCatalog reads it
    ours = [text for text in known if isinstance(text, str) and HOLE.search(text) and len(_letters(text)) >= TELLING]
    return tuple((text, _form(text)) for text in sorted(ours, key=lambda text: len(HOLE.sub("", text)), reverse=True))


def _letters(pattern: str) -> str:
    return "".join(char for char in HOLE.sub("", pattern) if char.isalpha())


def _form(pattern: str) -> re.Pattern[str]:
    """What a pattern's sentences look like. A name that comes again is the same text again."""
    form, seen, end = "", set(), 0
    for hole in HOLE.finditer(pattern):
        name = hole[1]
        form += re.escape(_braces(pattern[end : hole.start()]))
        form += f"(?P={name})" if name in seen else f"(?P<{name}>.+?)"
        seen.add(name)
        end = hole.end()
    return re.compile(form + re.escape(_braces(pattern[end:])), re.DOTALL)


def _braces(text: str) -> str:
    """As ``str.format`` leaves them."""
    return text.replace("{{", "{").replace("}}", "}")
