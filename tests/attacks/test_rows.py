"""The list of attacks and the tests that try them are not to drift apart."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from tests.attacks.rows import GAPS, ROWS

ROOT = Path(__file__).parents[2]


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_is_tried_by_tests_that_there_are() -> None:
    assert set(ROWS) == set(range(1, 56))
    missing = {node for nodes in ROWS.values() for node in nodes if not _is_there(node)}
    assert not missing, f"named in tests/attacks/rows.py and not there: {sorted(missing)}"


def _is_there(node: str) -> bool:
    file, _, name = node.partition("::")
    return (ROOT / file).exists() and name.startswith("test_") and name in names_in(file)


def test_gaps_are_told_to_operators() -> None:
    told = " ".join((ROOT / "docs" / "security.md").read_text().split())
    assert [row for row, why in GAPS.items() if why not in told] == []


def test_the_tests_that_are_named_to_operators_are_there() -> None:
    told = set(re.findall(r"`((?:tests/\w+/)?test_\w+\.py)`", (ROOT / "docs" / "security.md").read_text()))
    assert len(told) > 30
    files = [ROOT / (name if "/" in name else f"tests/attacks/{name}") for name in told]
    assert [file.name for file in files if not file.exists()] == []
