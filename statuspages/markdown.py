"""What people write in Markdown, as HTML that can do no harm."""

from __future__ import annotations

import nh3
from markdown_it import MarkdownIt

TAGS = {"p", "br", "em", "strong", "a", "ul", "ol", "li", "code", "pre", "blockquote", "hr"}
"""No images, since they would tell strangers who reads the page; no headings, since the page has its own."""
SCHEMES = {"http", "https", "mailto"}

_reader = MarkdownIt("commonmark", {"html": False, "breaks": True})


def render(text: str) -> str:
    """Safe HTML. What Markdown does not allow is shown as it was written."""
    return nh3.clean(
        _reader.render(text),
        tags=TAGS,
        attributes={"a": {"href"}},
        url_schemes=SCHEMES,
        link_rel="nofollow noopener noreferrer",
    )
