"""What the documents name is there: files, headings, tests, modules, commands."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).parents[1]
KEPT = set(subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())
DOCUMENTS = sorted(name for name in KEPT if name.endswith(".md"))
FOLDERS = {name.partition("/")[0] for name in KEPT if "/" in name}
TESTS = {name: (ROOT / name).read_text() for name in KEPT if Path(name).name.startswith("test_") and name[-3:] == ".py"}
TASKS = {
    name
    for file in KEPT
    if re.search(r"(?:tasks|names|doorbell)\.py$", file)
    for name in re.findall(r"\"([a-z]+\.[a-z_]+)\"", (ROOT / file).read_text())
} | {"uptime.yaml"}  # a file that looks like one
TARGETS = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_document_names_is_there(name: str) -> None:
    text = (ROOT / name).read_text()
    missing = [*_lost_links(ROOT / name, text), *_lost_files(text), *_lost_tests(text), *_lost_modules(text)]
    assert [*missing, *_lost_commands(text)] == []


def _lost_links(document: Path, text: str) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, heading = link.partition("#")
        target = document.parent / path if path else document
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (heading and heading not in _headings(target.read_text())):
            yield link


def _headings(text: str) -> set[str]:
    """As GitHub makes addresses of them."""
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^#+ (.+)$", text)}


def _lost_files(text: str) -> Iterator[str]:
    for word in re.findall(r"`([\w.-]+/[\w./-]*)(?:::[^`]*)?`", text):
        if word.partition("/")[0] in FOLDERS and not (ROOT / word).exists():
            yield word


def _lost_tests(text: str) -> Iterator[str]:
    """``test_ledger.py::test_name``, with or without its folder; the name may be of a class or begin a few."""
    for file, test in re.findall(r"([\w/]*test_\w+\.py)(?:::(\w+))?", text):
        found = [content for name, content in TESTS.items() if name == file or name.endswith(f"/{file}")]
        if not found or (test and not any(f" {test}" in content for content in found)):
            yield f"{file}::{test}"


def _lost_modules(text: str) -> Iterator[str]:
    """``accounts.services.tries``, something in it (``accounts.selectors.membership_of``), or the name of a task."""
    for word in re.findall(r"`([a-z_]+(?:\.\w+)+)`", text):
        package = word.partition(".")[0]
        if f"{package}/__init__.py" in KEPT and word not in TASKS and not _is_there(word.split(".")):
            yield word


def _is_there(parts: list[str]) -> bool:
    for length in range(len(parts), 0, -1):
        path = "/".join(parts[:length])
        for file in (f"{path}.py", f"{path}/__init__.py"):
            if file in KEPT:
                return length == len(parts) or bool(re.search(rf"\b{parts[length]}\b", (ROOT / file).read_text()))
    return False


def _lost_commands(text: str) -> Iterator[str]:
    for command in re.findall(r"(?:manage\.py|make manage ARGS=\"?) ?([a-z_]+)", text):
        if command not in get_commands():
            yield f"manage.py {command}"
    for target in re.findall(r"(?m)(?:`|^    )make ([a-z]+)\b", text):
        if target not in TARGETS:
            yield f"make {target}"
