"""Asks whether anything we install has a known flaw: ``make audit``.

The advisories are on the network. Where they cannot be asked this says so and passes, unless CI_REQUIRE_AUDIT=1: then
not knowing is a failure, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REQUIREMENTS = ("requirements.txt", "requirements-region.txt", "requirements-dev.txt")
PATIENCE_S = 300


def main() -> int:
    files = [part for name in REQUIREMENTS for part in ("--requirement", name)]
    # By the pinned versions themselves: nothing is resolved, downloaded or installed for it.
    options = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off", *files]
    try:
        done = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            [Path(sys.executable).with_name("pip-audit"), *options],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        return not_asked(f"no answer in {PATIENCE_S} s")
    found = _read(done.stdout)
    if found is None:
        return not_asked((done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1])
    return told(found)


def told(found: list[dict[str, Any]]) -> int:
    """What the answer about each package comes to. One that nobody there knows has not been asked about."""
    bad = [package for package in found if package.get("vulns")]
    for package in bad:
        ids = ", ".join(sorted({flaw["id"] for flaw in package["vulns"]}))
        print(f"{package['name']} {package.get('version', '')}: {ids}")
    if bad:
        return 1
    unknown = [package["name"] for package in found if package.get("skip_reason")]
    if unknown:
        return not_asked(f"{len(unknown)} of {len(found)} packages are unknown there: {', '.join(unknown[:5])} ...")
    print(f"{len(found)} packages, none with a known flaw")
    return 0


def _read(text: str) -> list[dict[str, Any]] | None:
    """None: there is no answer, so nothing is known."""
    try:
        return list(json.loads(text)["dependencies"])
    except (ValueError, KeyError, TypeError):
        return None


def not_asked(why: str) -> int:
    if os.environ.get("CI_REQUIRE_AUDIT") == "1":
        print(f"The advisories could not be asked, and CI_REQUIRE_AUDIT=1 wants them: {why[:300]}", file=sys.stderr)
        return 1
    print(f"skipped: no network to ask for advisories ({why[:300]})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
