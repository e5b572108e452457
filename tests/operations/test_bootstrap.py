from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError

from accounts.models import User
from monitors.models import Monitor
from tests.operations.running import run, run_json

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("regions")]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTSTRAP_EMAIL", "Root@Example.org")
    monkeypatch.setenv("BOOTSTRAP_PASSWORD", "four grey herons")
    monkeypatch.setenv("BOOTSTRAP_TEAM", "Harbour")
    monkeypatch.setenv("BOOTSTRAP_MONITORS", "http://127.0.0.1:9/, http://127.0.0.1:9/shop")


def test_the_first_start_makes_everything_and_the_second_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_json("bootstrap")
    assert (first["created"], first["team"], len(first["monitors_added"])) == (True, "Harbour", 2)
    monkeypatch.setenv("BOOTSTRAP_PASSWORD", "another one altogether")
    monkeypatch.setenv("BOOTSTRAP_MONITORS", "http://127.0.0.1:9/ http://127.0.0.1:9/new")
    assert run_json("bootstrap")["monitors_added"] == ["http://127.0.0.1:9/new"]
    user = User.objects.get()
    assert user.is_superuser
    assert user.check_password("four grey herons"), "an account that is there keeps its password"
    assert Monitor.objects.count() == 3


def test_the_password_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("six green kingfishers\n")
    monkeypatch.setenv("BOOTSTRAP_PASSWORD_FILE", str(tmp_path / "password"))
    run("bootstrap")
    assert User.objects.get().check_password("six green kingfishers")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BOOTSTRAP_EMAIL", "", "BOOTSTRAP_EMAIL is not set"),
        ("BOOTSTRAP_EMAIL", "nobody", "Enter a valid email"),
        ("BOOTSTRAP_PASSWORD", "", "BOOTSTRAP_PASSWORD is not set"),
        ("BOOTSTRAP_PASSWORD", "1234", "too short"),
        ("BOOTSTRAP_MONITORS", "gopher://x", "BOOTSTRAP_MONITORS, gopher://x"),
    ],
)
def test_nonsense_is_refused_by_name_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(CommandError, match=words):
        run("bootstrap")
    assert not User.objects.exists()
