"""The sections of the API and what is true of all of it, in words. The settings read this: it imports nothing."""

from __future__ import annotations

SECTIONS: dict[str, tuple[str, str]] = {
    "Account": ("auth", "Sign up, log in, and what is one's own."),
    "Team": ("team teams", "The team that the credentials act for, its members and invitations."),
    "Keys": ("api-keys tokens", "Keys of the team for programs, and one's own tokens."),
    "Audit log": ("audit-log", "Who changed what, from where."),
    "Monitors": ("monitor tags views", "What is watched, how often and from where."),
    "Heartbeats": ("", "Jobs that report to us."),
    "Badges": ("", "Pictures of a monitor's state for other sites."),
    "Regions": ("regions", "Where checks come from."),
    "Results": ("results", "What each check found."),
    "Figures": ("site-stats", "Uptime and response times."),
    "Incidents": ("incidents corrections", "What was down, why, and what people did about it."),
    "Maintenance": ("maintenance", "Planned work, during which nobody is told."),
    "Alerts": ("channels rules deliveries", "Where messages go, which go where, and each message with its tries."),
    "Drills": ("drills", "Outages on purpose."),
    "Status pages": ("status-pages", "Pages for the public."),
    "Operators": ("operator", "For who operates the installation, over all teams."),
    "Checking": ("monitoring", "How checking is going, and checks on demand."),
    "Configuration": (
        "config import imports",
        "Everything as one file, and taking over from elsewhere.",
    ),
    "About": ("schema", "This description."),
}
SECTION_OF = {word: name for name, (words, _) in SECTIONS.items() for word in words.split()}
WITHIN = {"heartbeat": "Heartbeats", "pings": "Heartbeats", "ping-url": "Heartbeats", "badges": "Badges"}
TAGS = [{"name": name, "description": text} for name, (_, text) in SECTIONS.items()]

ABOUT = """\
Watch websites from several regions. Everything is below `/api/`; requests and answers are JSON; times are UTC in
ISO 8601, durations of checks milliseconds, intervals and timeouts seconds. A trailing slash makes no difference.

**Who asks.** Send `Authorization: Bearer <token>`: an access token of `auth/login`, or an API key. A person's program
names another team of theirs in `X-Team`.

**Refusals** say `detail` in words, a `code` for programs, and `fields` that are wrong, with the members of RFC 9457.
Who accepts `application/problem+json` gets that type.

**Lists** take `limit` (1 to 500, 100 unless said) and answer `results` and `next`; send `next` as
`cursor` for the next page, null is the last one. A word that `order` or a
filter with a fixed list of words does not know is a 400 that names those it knows.

**Conditions.** GET has an `ETag`: `If-None-Match` is answered 304, `If-Match` with PUT, PATCH and DELETE 412 when
somebody changed it meanwhile.

**Repetition.** A POST with an `Idempotency-Key` is done once and answered again for 24 hours.

**Limits** are told in `RateLimit` and `RateLimit-Policy`; beyond them 429 with `Retry-After`.
"""
