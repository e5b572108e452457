"""Nothing is said in English alone: templates mark their words, and every marked word has its German."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.test import Client

from accounts.models import User
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit

TEMPLATES = settings.BASE_DIR / "templates"
GERMAN = settings.BASE_DIR / "locale" / "de" / "LC_MESSAGES"
NOT_WORDS = {"Uptime", "HTTP", "JSON", "CSV", "HTML", "Atom", "RSS", "JSON Feed", "UTC"}
"""Names and kinds of files."""

LEFT = {"api/docs.html"}
"""Templates that still speak English alone: the reference of the API is for programmers."""

MARKED = re.compile(r"\{%\s*blocktrans.*?endblocktrans(?:late)?\s*%\}", re.DOTALL)
CODE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|&\w+;", re.DOTALL)
DATA = re.compile(r"<(script|style|svg)\b.*?</\1>|<!--.*?-->|<!DOCTYPE[^>]*>", re.DOTALL)
HERE = "\0"
"""Where something stood that needs no look."""

SPOKEN = re.compile(r"\s(?:aria-label|title|placeholder|alt)=\"([^\"]*)\"")


def unmarked(source: str) -> Iterator[str]:
    """Words of a template that a reader would see or hear in English whatever the language."""
    left = DATA.sub(HERE, CODE.sub(HERE, MARKED.sub(HERE, source)))
    spoken = (part for value in SPOKEN.findall(left) for part in value.split(HERE))
    for part in [*spoken, *re.split(f"<[^>]*>|{HERE}", left)]:
        words = part.strip(" \n·():,;.")
        if re.search(r"[A-Za-z]{2,}", words) and words not in NOT_WORDS:
            yield words


def test_the_scanner_sees_what_is_not_marked() -> None:
    source = '{% load i18n %}<p title="Down">{% translate "Marked" %} · Not marked {{ name }}</p>'
    assert set(unmarked(source)) == {"Down", "Not marked"}


def test_every_word_of_the_templates_is_marked() -> None:
    files = [
        file
        for file in TEMPLATES.rglob("*.html")
        if "admin" not in file.parts and str(file.relative_to(TEMPLATES)) not in LEFT
    ]
    assert len(files) > 100
    found = [f"{file.relative_to(TEMPLATES)}: {words}" for file in files for words in unmarked(file.read_text())]
    assert not found, "Put these into {% translate %} or {% blocktranslate %}, then `make words`:\n" + "\n".join(found)


def test_every_marked_word_has_its_german_and_is_compiled() -> None:
    with (GERMAN / "django.po").open("rb") as file:
        entries = [entry for entry in read_po(file, locale="de") if entry.id]
    missing = [entry.id for entry in entries if entry.fuzzy or not all(_texts(entry.string))]
    assert not missing, "Translate these in locale/de/LC_MESSAGES/django.po, then `make words`"
    with (GERMAN / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    said = {_texts(entry.id)[0]: _texts(entry.string)[0] for entry in entries if not entry.context}
    stale = [text for text, german in said.items() if compiled.gettext(text) != german and len(_texts(text)) == 1]
    plurals = {_texts(entry.id)[0] for entry in entries if len(_texts(entry.id)) > 1}
    assert not [text for text in stale if text not in plurals], "`make words` compiles the catalogue anew"


def test_every_marked_word_of_the_templates_is_collected() -> None:
    with (GERMAN / "django.po").open("rb") as file:
        known = {text for entry in read_po(file, locale="de") for text in _texts(entry.id)}
    marked = re.compile(r"\{%\s*translate \"([^\"]+)\"(?! context)")
    asked = {text for file in TEMPLATES.rglob("*.html") for text in marked.findall(file.read_text())}
    assert not {text.replace("%", "%%") if text not in known else text for text in asked} - known, (
        "`make words` collects these"
    )


def _texts(text: object) -> tuple[str, ...]:
    return tuple(map(str, text)) if isinstance(text, list | tuple) else (str(text),)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            "/monitors/",
            ["Monitore", "Abmelden", "Einstellungen", "Suchen"],
        ),
        ("/incidents/", ["Vorfälle", "Noch keine. Ein Vorfall"]),
        ("/alerts/", ["Alarmkanäle|Kanäle", "Kanal hinzufügen"]),
        ("/maintenance/", ["Wartung planen"]),
        ("/status-pages/", ["Statusseiten"]),
        ("/settings/team/", ["Mitglieder", "Einladung senden"]),
        ("/monitors/new/", ["Prüfen alle", "Fehlschläge in Folge, bis das Wort einer Region zählt"]),
    ],
)
def test_main_pages_speak_german(
    visit: Visit, owner: User, make_monitor: MakeMonitor, path: str, words: list[str]
) -> None:
    make_monitor()
    page = visit(owner).get(path, headers={"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"}).content.decode()
    assert '<html lang="de"' in page
    for choices in words:
        assert any(choice in page for choice in choices.split("|")), f"{choices} is not on {path}"


@pytest.mark.django_db
def test_a_language_that_nobody_translated_is_answered_in_english(client: Client) -> None:
    page = client.get("/login/", headers={"Accept-Language": "tlh"}).content.decode()
    assert '<html lang="en"' in page


def test_catalogues_are_where_settings_say() -> None:
    assert {code for code, _name in settings.LANGUAGES} == {
        "en",
        *(path.name for path in Path(GERMAN).parents[1].iterdir()),
    }
