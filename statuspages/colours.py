"""A page's own colours, as a stylesheet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256


def style_mark(colours: Mapping[str, str]) -> str:
    return sha256(json.dumps(sorted(colours.items())).encode()).hexdigest()[:12] if colours else ""


def stylesheet(colours: Mapping[str, str]) -> str:
    """The colours as variables; on dark ground the accent is made lighter, so that it can be read there."""
    variables = {f"--{name}" if name == "accent" else f"--{name}-bar": value for name, value in sorted(colours.items())}
    rules_ = "".join(f"{name}:{value};" for name, value in variables.items())
    dark = ""
    if accent := colours.get("accent"):
        dark = f"@media (prefers-color-scheme:dark){{:root{{--accent:color-mix(in srgb,{accent} 45%,#fff);}}}}"
    return f":root{{{rules_}}}{dark}\n"
