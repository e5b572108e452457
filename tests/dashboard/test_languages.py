"""Nothing is said in English alone: templates mark their words, and every marked word has its German."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.test import Client

from accounts.models import Team, User
from statuspages.models import StatusPage
from tests.conftest import MakeMonitor
from tests.dashboard.conftest import Visit
from tests.tenancy.rules import STAFF, rule_of
from tests.tenancy.test_matrix import address, ours, verbs_of
from tests.tenancy.world import make_things

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


class Visible(HTMLParser):
    """What a reader sees or hears of a page, piece by piece, but for code and for what says that it is English."""

    HEARD = {"aria-label", "title", "placeholder", "alt"}
    SKIPPED = {"script", "style", "code", "pre", "textarea", "title"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.SKIPPED or self.inside[-1:] == [tag] or dict(attrs).get("lang") == "en":
            self.inside.append(tag)
        self.pieces += [
            value for name, value in attrs if value and name in {"aria-label", "title", "placeholder", "alt"}
        ]

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.pieces.append(data)


def english_of(page: str) -> set[str]:
    """Pieces of a page that have a German and do not show it."""
    return {piece for piece in {" ".join(piece.split()) for piece in Visible(page).pieces} if _is_english(piece)}


@cache
def _is_english(piece: str) -> bool:
    whole, forms = _with_german()
    return piece in whole or (" " in piece and any(form.fullmatch(piece) for form in forms))


@cache
def _with_german() -> tuple[set[str], list[re.Pattern[str]]]:
    """English texts that have another one in German: those without places, and what the others look like."""
    with (GERMAN / "django.po").open("rb") as file:
        entries = [entry for entry in read_po(file, locale="de") if entry.id]
    pairs = [pair for entry in entries for pair in zip(_texts(entry.id), _texts(entry.string), strict=False)]
    german = {said for _english, said in pairs}
    places = re.compile(r"%\(\w+\)[sd]|%s|\{\w+\}")
    whole, forms = set(), []
    for english, said in pairs:
        text = " ".join(english.split())
        if (
            english == said
            or text in german
            or "<" in text
            or len(re.findall("[A-Za-z]", places.sub("", text))) < LETTERS
        ):
            continue
        if places.search(text):
            forms.append(re.compile(".+?".join(re.escape(part.replace("%%", "%")) for part in places.split(text))))
        else:
            whole.add(text)
    return whole, forms


LETTERS = 4
"""Shorter words are German ones as well, or codes."""

FOR_PROGRAMS = ("api/", "admin/", "badge/", "drill/", "metrics", "ping/", "readyz", "status/<slug:slug>/key/")


def test_the_walk_sees_english_that_is_left() -> None:
    page = '<p title="Audit log">Wer <b>Alerts when x, about y after an outage begins</b> <code>Audit log</code></p>'
    assert english_of(page) == {"Audit log", "Alerts when x, about y after an outage begins"}


@pytest.mark.django_db
def test_no_page_has_english_left_in_german(owner: User, team: Team, visit: Visit) -> None:
    User.objects.filter(pk=owner.pk).update(language="de", is_staff=True)
    things = make_things(owner)
    named = {"Uptime", "Olga's secret shop", "Olga's secret deploy"}
    browser, left, seen = visit(User.objects.get(pk=owner.pk)), {}, 0
    StatusPage.objects.update(languages=["de"])
    for route, view in ours().items():
        if "get" not in verbs_of(view) or route.startswith(FOR_PROGRAMS):
            continue
        path = address(route, rule_of(route) or STAFF, things).replace("/status/nobody-knows-this/", "/status/ours/")
        answer = browser.get(path, headers={"Accept-Language": "de"})
        if answer.status_code != 200 or "html" not in answer["Content-Type"]:
            continue
        seen += 1
        if found := english_of(getattr(answer, "content", b"").decode()) - named:
            left[route] = sorted(found)
    assert seen > 60
    assert not left, "\n".join(f"{route}: {pieces}" for route, pieces in left.items())


@pytest.mark.django_db
def test_a_language_that_nobody_translated_is_answered_in_english(client: Client) -> None:
    page = client.get("/login/", headers={"Accept-Language": "tlh"}).content.decode()
    assert '<html lang="en"' in page


def test_catalogues_are_where_settings_say() -> None:
    assert {code for code, _name in settings.LANGUAGES} == {
        "en",
        *(path.name for path in Path(GERMAN).parents[1].iterdir()),
    }
