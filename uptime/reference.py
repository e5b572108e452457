"""The reference of all settings, written from the code: ``python -m uptime.reference > docs/settings.md``.

Names, defaults and values of the server's are those that ``uptime.settings`` asked for; what each means stands here. A
test compares the page with this, and this with what is read, so a new variable wants a line here and a new page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from probes import settings as probes


@dataclass(frozen=True, slots=True)
class Meaning:
    """One line of the page. ``unit`` is empty for what has none."""

    text: str
    unit: str = ""
    required: bool = False
    default: str = ""
    """In words, where the code's own depends on other variables."""


SERVER: dict[str, Meaning] = {
    "SECRET_KEY": Meaning("Signs sessions and forms.", required=True),
    "JWT_SIGNING_KEY": Meaning("Signs the API's tokens.", required=True),
    "FIELD_ENCRYPTION_KEYS": Meaning(
        "The first encrypts saved secrets, all of them decrypt. `manage.py rotate_keys` says when an old one may go.",
        required=True,
    ),
    "DATABASE_URL": Meaning("The database, like `postgresql://user:password@host:5432/name`.", required=True),
    "REDIS_URL": Meaning(
        "The cache, and the broker unless another is named. Without it `CELERY_BROKER_URL` is required, and the cache "
        "is in PostgreSQL."
    ),
    "CELERY_BROKER_URL": Meaning(
        "The broker, when it is another one than `REDIS_URL`; see operations, Without Redis.", default="`REDIS_URL`"
    ),
    "SITE_URL": Meaning("Where people reach the site. With `https://` cookies are Secure and HSTS is sent."),
    "ALLOWED_HOSTS": Meaning("Host names that the site answers to; others get 400."),
    "CSRF_TRUSTED_ORIGINS": Meaning("More origins that may post forms, each with its scheme."),
    "TRUSTED_PROXY_COUNT": Meaning(
        "Proxies of yours in front; their `X-Forwarded-For` and `X-Forwarded-Proto` count.", "proxies"
    ),
    "DEBUG": Meaning("Shows tracebacks to everybody; never in production."),
    "REGISTRATION_OPEN": Meaning("Whether anybody may sign up."),
    "EMAIL_VERIFICATION": Meaning(
        "Whether people come in at once and confirm their address when they like, or by the link in the mail first. "
        "Only then does sign-up say the same of every address: who comes in at once has had a free one.",
        default="`mandatory` where `EMAIL_URL` names a mail server, else `optional`",
    ),
    "OIDC_SERVER_URL": Meaning(
        "The OpenID Connect provider that signs people in beside the password, as it calls itself; empty: none. See "
        "operations, Signing in elsewhere.",
    ),
    "OIDC_CLIENT_ID": Meaning("What the provider knows this installation by."),
    "OIDC_CLIENT_SECRET": Meaning("And what proves it."),
    "OIDC_NAME": Meaning("What the button on the log-in page calls the provider."),
    "REGIONS": Meaning("Codes of the regions: small letters, digits, hyphens. Read by `manage.py region sync`."),
    "MONITOR_MIN_INTERVAL_SECONDS": Meaning("The shortest interval of a monitor.", "seconds"),
    "DOWN_BACKOFF_AFTER_HOURS": Meaning("What has been down for so long is checked less often; 0: never.", "hours"),
    "RETENTION_DAYS": Meaning("Single results are kept so long; sums stay.", "days"),
    "AUDIT_RETENTION_DAYS": Meaning(
        "The audit log is kept so long; nothing of the last 30 days can be deleted.", "days"
    ),
    "ROLLUP_HOURS_MONTHS": Meaning("Hourly sums are kept so long; daily ones for ever.", "months"),
    "STORAGE_MAX_GB": Meaning(
        "The most that the database may take before the oldest days of single results go early; 0: no limit.",
        "GB (10^9 bytes)",
    ),
    "IMPORT_MAX_MB": Meaning("The largest file that is read from another tool.", "MB (2^20 bytes)"),
    "IMPORT_MAX_MONITORS": Meaning("The most monitors of one such file.", "monitors"),
    "ARCHIVE_DIR": Meaning(
        "The full path of a directory: days of single results are written there as Parquet before they are dropped."
    ),
    "MIGRATION_LOCK_TIMEOUT_SECONDS": Meaning(
        "So long a migration waits for a table that is in use, before it steps back and tries again; 0: for ever.",
        "seconds",
    ),
    "EMAIL_URL": Meaning("Where mail goes out; `consolemail://` writes it to the log."),
    "DEFAULT_FROM_EMAIL": Meaning("From whom mail comes."),
    "TEAM_MAX_MONITORS": Meaning("The most monitors of one team.", "monitors"),
    "TEAM_MAX_CHECKS_PER_MINUTE": Meaning(
        "The most checks a minute of one team: its active monitors, each times its regions.", "checks a minute"
    ),
    "TEAM_MAX_CHANNELS": Meaning("The most alert channels of one team.", "channels"),
    "PAGE_MAX_SUBSCRIBERS": Meaning("The most subscribers of one status page.", "subscribers"),
    "API_DOCS_OPEN": Meaning(
        "Whether `/api/docs` and `/api/schema` are shown to strangers, or only to who is signed in or has a key.",
        default="`false`; `make run`: `true`",
    ),
    "API_MAX_ROWS": Meaning("The most rows that one page of an API list may ask for (`limit`).", "rows"),
    "MESSAGE_MAX_AGE_HOURS": Meaning(
        "A message that could not be delivered for so long is given up and shown as dead; it can be sent again.",
        "hours",
    ),
    "EVIDENCE_MAX_BYTES": Meaning(
        "The most that is kept of what one failed check saw. The largest parts are left out, and named.", "bytes"
    ),
    "LOGO_MAX_KB": Meaning(
        "The largest logo that a status page takes, as a file; what is kept is smaller.", "kB (1,000 bytes)"
    ),
    "MAX_BODY_BYTES": Meaning("The largest request body; a larger one is refused with 413 unread.", "bytes"),
    "ALERT_GROUP_OVER": Meaning(
        "More messages of a kind to a channel within a minute become one with a list.", "messages"
    ),
    "API_KEY_REQUESTS_PER_MINUTE": Meaning(
        "So many requests to the API of one key; more are 429. 0: no limit.", "per minute"
    ),
    "API_PERSON_REQUESTS_PER_MINUTE": Meaning("The same of one person's programs without a key.", "per minute"),
    "METRICS_TOKEN": Meaning("Opens `/metrics` to whoever sends it as a bearer token; empty: no such page."),
    "METRICS_PER_MONITOR": Meaning(
        "So many monitors, the oldest first, are told of one by one in `/metrics`; 0: none.", "monitors"
    ),
    "HEARTBEAT_URL": Meaning(
        "Pinged by GET every minute while `/readyz` says ok, through the guard; see operations, Who watches the "
        "watcher."
    ),
    "LOG_FORMAT": Meaning("How the log is written."),
    "LOG_LEVEL": Meaning("How much of it."),
    "ONEBOX": Meaning("Set by `make run`: one person's box, static files without collecting them."),
    "DEMO_SITE_URL": Meaning("Set by `make run`: the demo site's address."),
}

REGION: dict[str, tuple[str, Meaning]] = {
    "REGION": ("", Meaning("The code of the region; batches for another one are dropped.", required=True)),
    "CELERY_BROKER_URL": ("", Meaning("The broker.", required=True)),
    "REGION_KEY": ("", Meaning("Signs what the worker sends; `manage.py region key` makes it. See operations, Keys.")),
    "WORKER_ID": ("host name and process id", Meaning("The worker's name; two of a region need two.")),
    "PROBE_ALLOWED_NETWORKS": (
        "",
        Meaning(
            "Networks beyond the public internet that may be dialled, like `10.20.0.0/16`, comma-separated; metadata "
            "addresses never may. The server reads it too, to refuse a target at once and for webhooks."
        ),
    ),
    "PROBE_NAMESERVERS": ("the system's", Meaning("Name servers, `address` or `address:port`, comma-separated.")),
    "PROBE_CA_FILE": ("", Meaning("A PEM file of certificates to trust beyond the usual ones.")),
    "PROBE_CONCURRENCY": (
        str(probes.DEFAULT_CONCURRENCY),
        Meaning(f"Checks under way at the same time, 1 to {probes.MOST_AT_ONCE:,}.", "checks"),
    ),
    "PROBE_DOMAIN_CONCURRENCY": (
        str(probes.DEFAULT_DOMAIN_CONCURRENCY),
        Meaning(f"Of them, per registrable domain, up to {probes.MOST_AT_ONCE:,}; 0: no limit.", "checks"),
    ),
    "PROBE_DOMAIN_RATE": (
        f"{probes.DEFAULT_DOMAIN_RATE:g}",
        Meaning(f"Starts per domain, up to {probes.HIGHEST_DOMAIN_RATE:,}; 0: no limit.", "per second"),
    ),
    "PROBE_SPOOL_DIR": (
        "image: `/spool`",
        Meaning("A local directory for results that the broker does not take; `off`: they are kept in memory."),
    ),
    "PROBE_SPOOL_MB": (
        str(probes.DEFAULT_SPOOL_MB),
        Meaning("The most that a region's file there may take, 1 to 100,000.", "MB"),
    ),
    "LOG_FORMAT": ("console", Meaning("How the log is written.", "console or json")),
    "LOG_LEVEL": ("INFO", Meaning("How much of it.", "DEBUG, INFO, WARNING or ERROR")),
    "WORK_FILE": (
        "images: `/tmp/worked`",
        Meaning(
            "A file that is touched whenever work is done, for the container's health check; the server has it too."
        ),
    ),
}

TRACES: dict[str, tuple[str, Meaning]] = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        "",
        Meaning("A collector that takes OTLP over HTTP, like `http://collector:4318`; empty: nothing is traced."),
    ),
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ("", Meaning("The same, as the whole address for traces.")),
    "OTEL_EXPORTER_OTLP_HEADERS": ("", Meaning("What to send along, `name=value`, comma-separated: a key, say.")),
    "OTEL_SERVICE_NAME": (
        "`uptime-web`, `uptime-beat`, `uptime-worker`, `uptime-region`",
        Meaning("What the process is called."),
    ),
    "OTEL_RESOURCE_ATTRIBUTES": ("", Meaning("What else to say of it, `name=value`, comma-separated.")),
    "OTEL_TRACES_SAMPLER": (
        "parentbased_always_on",
        Meaning("Which traces are kept; `parentbased_traceidratio`: as the next one says."),
    ),
    "OTEL_TRACES_SAMPLER_ARG": ("", Meaning("The share of them; 0.01 is one in a hundred.")),
    "OTEL_TRACES_EXPORTER": ("otlp", Meaning("`none` switches it off.")),
    "OTEL_SDK_DISABLED": ("false", Meaning("`true` switches it off.")),
}
"""OpenTelemetry's own; its documentation has more of them, and they count as well."""

BOOTSTRAP: dict[str, Meaning] = {
    "BOOTSTRAP_EMAIL": Meaning("Whose account is made.", required=True),
    "BOOTSTRAP_PASSWORD": Meaning("Its password; or `BOOTSTRAP_PASSWORD_FILE`, a file that holds it.", required=True),
    "BOOTSTRAP_TEAM": Meaning("The name of the team."),
    "BOOTSTRAP_MONITORS": Meaning("Addresses to watch, separated by spaces or commas."),
}

INTRODUCTION = """\
# Settings

Written by `make settings` from the code; do not edit it here. What the settings of a subject do together is in
[operations](operations.md).

All settings come from the environment. A value that is missing or makes no sense stops the start with one sentence.
Every variable of the server may also be given as `NAME_FILE`, the path of a file that holds it (Docker secrets; the
file wins); those of a region's worker as well, except `PROBE_CA_FILE` (the variable wins).
"""

HEAD = "| Variable | Default | Unit, values | Meaning |\n|---|---|---|---|"


def page() -> str:
    """The whole page as Markdown."""
    from uptime import env, settings  # noqa: F401  # reading the settings fills ``env.READ``

    unread = env.Variable("", "", "")
    server = (
        _line(name, meaning.default or read.default, read.values, meaning)
        for name, meaning in SERVER.items()
        if (read := env.READ.get(name, unread))
    )
    region = (_line(name, default, "", meaning) for name, (default, meaning) in REGION.items())
    traces = (_line(name, default, "", meaning) for name, (default, meaning) in TRACES.items())
    bootstrap = (_line(name, "", "", meaning) for name, meaning in BOOTSTRAP.items())
    return "\n".join(
        [
            INTRODUCTION,
            *_part("The server: web, beat, central worker, alerts worker", server),
            *_part("A region's worker", region),
            *_part("Traces, of every process", traces),
            *_part("`manage.py bootstrap`", bootstrap),
        ]
    )


def _part(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield f"## {title}\n"
    yield HEAD
    yield from lines
    yield ""


def _line(name: str, default: str, values: str, meaning: Meaning) -> str:
    shown = "required" if meaning.required else _code(default) or "none"
    unit = ", ".join(filter(None, [meaning.unit, values if values != "text" else ""]))
    return f"| `{name}` | {shown} | {unit} | {meaning.text} |"


def _code(default: str) -> str:
    return default if not default or "`" in default or " " in default else f"`{default}`"


if __name__ == "__main__":
    print(page(), end="")
