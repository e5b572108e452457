"""Sentences are English until somebody is to read them; what was kept in English is said in German all the same."""

from __future__ import annotations

import ast
import json
import pickle
import re
from collections.abc import Iterator

import pytest
from babel.messages.pofile import read_po
from django.apps import apps
from django.conf import settings
from django.utils import translation

from common.languages import HOLE, patterns, recalled, spoken
from dashboard.audit_words import KINDS, VERBS
from incidents.rules import Vote
from incidents.rules.words import vote_in_words
from monitors.rules import Policy, passive_sentence, policy_sentence
from probes.sentences import Sentence, joined, listed, say, say_many

CODE = [
    path
    for path in settings.BASE_DIR.rglob("*.py")
    if not {"tests", "bench", "onebox", "scripts", "migrations", "var", ".venv"} & set(path.parts)
]
WITH_GERMAN = settings.BASE_DIR / "locale" / "de" / "LC_MESSAGES" / "django.po"


@pytest.mark.parametrize(
    ("sentence", "english", "german"),
    [
        (say("its channel is off"), "its channel is off", "der Kanal ist aus"),
        (say("at most {most} tags", most=20), "at most 20 tags", "höchstens 20 Schlagworte"),
        (
            say("held too long: {reason}", reason=say("its channel is off")),
            "held too long: its channel is off",
            "zu lange zurückgehalten: der Kanal ist aus",
        ),
        (say("{name} does not exist", name="{0.x} %s"), "{0.x} %s does not exist", "{0.x} %s gibt es nicht"),
        (
            say_many("{who} fails {times}", "{who} fail {times}", 2, who="both", times="now"),
            "both fail now",
            "both now scheitern",
        ),
        (joined([say("its channel is off"), "usa"]), "its channel is off; usa", "der Kanal ist aus; usa"),
        (listed(["usa", "india", "japan"]), "usa, india and japan", "usa, india und japan"),
    ],
)
def test_a_sentence_is_english_and_is_said_in_german(sentence: str, english: str, german: str) -> None:
    assert (sentence, f"{sentence}", json.dumps(sentence)) == (english, english, json.dumps(english))
    with translation.override("de"):
        assert (spoken(sentence), f"{sentence}") == (german, english)
    with translation.override("en"):
        assert spoken(sentence) == english


def test_a_sentence_survives_being_passed_on() -> None:
    sentence = say("at most {most} tags", most=20)
    for passed in (str(sentence), pickle.loads(pickle.dumps(sentence))):  # noqa: S301 - our own
        assert isinstance(passed, Sentence)
        assert (passed, passed.pattern) == ("at most 20 tags", "at most {most} tags")


@pytest.mark.parametrize(
    ("kept", "german"),
    [
        ("the connection was refused by 192.0.2.7", "die Verbindung wurde von 192.0.2.7 abgelehnt"),
        ("the status is 503, expected 200-399", "der Status ist 503, erwartet 200-399"),
        (
            "given up after 5 tries: it answered 500",
            "nach 5 Versuchen aufgegeben: die Antwort war 500",
        ),
        ("its channel is off; 1 check not made: late", "der Kanal ist aus; 1 Prüfung nicht gemacht: late"),
        ("the text 'There is nothing here.' is not there", "der Text 'There is nothing here.' ist nicht da"),
        ("what nobody of us has said", "what nobody of us has said"),
        ("Down", "Down"),
        ("", ""),
        ("%(count)s {region} {why}", "%(count)s {region} {why}"),
    ],
)
def test_what_was_kept_in_english_is_recalled(kept: str, german: str) -> None:
    assert recalled(kept, "de") == german
    assert recalled(kept, "en") == kept


def test_every_kept_sentence_is_known_again() -> None:
    """No pattern is taken for another: what was made by one and kept is said by its own German."""
    with translation.override("de"):
        for pattern, _form in patterns("de"):
            values = {name: f"<{name}>" for name in HOLE.findall(pattern)}
            assert recalled(pattern.format(**values), "de") == translation.gettext(pattern).format(**values), pattern


def test_translations_have_the_places_of_their_sentences() -> None:
    with WITH_GERMAN.open("rb") as file:
        entries = [entry for entry in read_po(file, locale="de") if entry.id]
    for entry in entries:
        ids = entry.id if isinstance(entry.id, tuple) else (entry.id,)
        strings = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        places = [set(HOLE.findall(text)) for text in (*ids, *strings)]
        assert all(place == places[0] for place in places), entry.id


def calls(name: str) -> Iterator[ast.Call]:
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == name:
                yield node


def test_every_sentence_of_the_code_is_collected() -> None:
    with WITH_GERMAN.open("rb") as file:
        known = {
            text for entry in read_po(file, locale="de") for text in (entry.id if entry.pluralizable else [entry.id])
        }
    said = {
        word.value
        for name, places in (("say", 1), ("say_many", 2))
        for call in calls(name)
        for word in call.args[:places]
        if isinstance(word, ast.Constant)
    }
    assert len(said) > 400
    assert not said - known, "`make words` collects these"


def test_the_audit_log_has_a_word_for_everything() -> None:
    verbs = {
        word.value
        for name in ("done", "account", "changed", "record", "part_with", "tell")
        for call in calls(name)
        if name in {"part_with", "tell"} or getattr(getattr(call.func, "value", None), "id", "") == "audit"
        for argument in call.args[1:]
        for word in ast.walk(argument)
        if isinstance(word, ast.Constant) and isinstance(word.value, str) and re.fullmatch(r"[a-z -]{4,}", word.value)
    }
    assert len(verbs) > 30
    assert not verbs - set(VERBS) - {"role"}
    kinds = {model._meta.model_name for model in apps.get_models() if hasattr(model, "AUDITED")}
    assert not kinds - set(KINDS)


def test_rules_speak_german_where_they_are_read() -> None:
    policy = policy_sentence(Policy(), regions=3, interval=60, timeout=10)
    passive = passive_sentence(due=say("every {period}", period="1 h"), grace=300, alert_after=0)
    refused = "the connection was refused by ::1"
    vote = vote_in_words(
        Vote("usa", "down", "connect_refused", refused, 2, since=None, slot=None, age_s=3, excluded=None)
    )
    with translation.override("de"):
        assert spoken(policy) == (
            "Meldet sich, wenn 2 von 3 Regionen zweimal in Folge scheitern, etwa 25 s nach dem Beginn eines Ausfalls "
            "(55 s, wo Prüfungen keine Antwort bekommen); wieder in Ordnung, wenn 2 von 3 Regionen zweimal in Folge "
            "bestehen; eine Region, die länger als 2 min schweigt, hat keine Stimme."
        )
        assert spoken(passive).startswith("Meldet sich, wenn der Job einen Fehlschlag berichtet oder bis 5 min nach")
        assert spoken(vote) == "usa: die Verbindung wurde von ::1 abgelehnt, 2-mal in Folge, 3 s alt"
