"""A static copy: complete, and whole at every moment. What it says of its age is in tests/browser/test_export.py."""

from __future__ import annotations

import json
import os
import re
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from statuspages import export
from statuspages.models import StatusPage
from tests.operations.running import run_json
from tests.statuspages.conftest import SECRET_NAME

pytestmark = pytest.mark.django_db


def copy(directory: Path, *options: str) -> str:
    call_command("statuspage", "export", str(directory), "--page", "acme", *options, stdout=StringIO())
    return (directory / "index.html").read_text()


def test_everything_that_the_copy_names_is_there(page: StatusPage, tmp_path: Path) -> None:
    StatusPage.objects.update(colours={"accent": "#7a1fa2"}, logo=b"\x89PNG", logo_mark="x")
    text = copy(tmp_path / "www")
    named = re.findall(r'(?:href|src)="(?!http|#)([^"]+)"', text)
    assert len(named) >= 7
    assert all((tmp_path / "www" / name).is_file() for name in named)
    assert SECRET_NAME not in text
    assert f'<h2 class="month" id="month-1">{timezone.now():%B %Y}</h2>' in (tmp_path / "www/history.html").read_text()
    assert json.loads((tmp_path / "www/summary.json").read_text())["page"]["title"] == "Acme"
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in (tmp_path / "www").iterdir())


def test_programs_are_told_where_the_copy_is(page: StatusPage, tmp_path: Path) -> None:
    told = run_json("statuspage", "export", str(tmp_path), "--page", "acme")
    assert (told["page"], told["index"]) == ("acme", str(tmp_path / "index.html"))


def test_a_copy_that_cannot_be_made_leaves_the_last_one(
    page: StatusPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = copy(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    StatusPage.objects.update(title="Renamed")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CommandError, match="No space left"):
            copy(tmp_path)
    assert (tmp_path / "index.html").read_text() == before
    assert not list(tmp_path.glob(".*"))
    assert "Renamed" in copy(tmp_path)


def test_old_files_go_and_those_of_others_stay(page: StatusPage, tmp_path: Path) -> None:
    (tmp_path / "robots.txt").write_text("")
    for name, days in (("old", 2), ("recent", 0)):
        path = tmp_path / f"{export.PREFIX}style-{name}.css"
        path.write_text("")
        os.utime(path, (time.time() - days * 86_400, time.time() - days * 86_400))
    copy(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert "robots.txt" in left
    assert f"{export.PREFIX}style-recent.css" in left
    assert f"{export.PREFIX}style-old.css" not in left


@pytest.mark.parametrize(
    ("fields", "options", "words"),
    [
        ({"published": False}, [], "no published page"),
        ({"visibility": "password"}, [], "password"),
        ({}, ["--stale-after", "0"], "1 to 10080"),
    ],
)
def test_what_is_refused(
    page: StatusPage, tmp_path: Path, fields: dict[str, object], options: list[str], words: str
) -> None:
    if fields:
        StatusPage.objects.update(**fields)
    with pytest.raises(CommandError, match=words):
        copy(tmp_path, *options)
    assert not list(tmp_path.iterdir())
