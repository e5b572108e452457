"""What can be guessed of somebody who has just come in. Pure."""

from __future__ import annotations

FOR_EVERYBODY = {
    "126",
    "163",
    "aol",
    "fastmail",
    "gmail",
    "gmx",
    "googlemail",
    "hey",
    "hotmail",
    "icloud",
    "live",
    "mac",
    "mail",
    "mailbox",
    "me",
    "msn",
    "naver",
    "orange",
    "outlook",
    "pm",
    "posteo",
    "proton",
    "protonmail",
    "qq",
    "seznam",
    "t-online",
    "tuta",
    "tutanota",
    "web",
    "wp",
    "yahoo",
    "yandex",
    "ymail",
    "zoho",
}
"""Where anybody has a mailbox, whatever the country at the end: the site of such a domain is hardly theirs."""

FOR_NOBODY = ("example.com", "example.net", "example.org", ".example", ".invalid", ".local", ".localhost", ".test")
"""Names that lead nowhere, by RFC 2606 and RFC 6762."""


def site_of(email: str) -> str:
    """The address of the site that an e-mail address belongs to, or nothing: ``https://shop.io`` of ``ann@shop.io``."""
    domain = email.rpartition("@")[2].lower()
    first, dot, _rest = domain.partition(".")
    if not dot or first in FOR_EVERYBODY or domain.endswith(FOR_NOBODY) or domain.startswith("["):
        return ""
    return f"https://{domain}"
