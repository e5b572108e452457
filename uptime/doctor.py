"""What may be wrong with an installation: each part is looked at, and what is not well has a remedy."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks as system_checks
from django.core.cache import cache
from django.core.mail import get_connection
from django.db import Error, connection
from django.utils.crypto import get_random_string

from checks import broker
from checks.models import RegionWorker
from checks.selectors.health import BEHIND_S, breaker_word, pending_migrations, region_health
from checks.services import days, space, storage
from common.clock import database_now
from common.commands import Word, readable_bytes
from monitors.models import Region
from monitors.rules import OFFLINE_AFTER
from monitors.services import rotation
from probes import names
from probes.fields import MASK
from uptime import env

CLOCK_WARN_S, CLOCK_FAIL_S = 2.0, 10.0
SLOW_QUERY_MS = 50.0
LEAST_FREE = 0.10
HIDDEN = re.compile(r"KEYS?$|SECRET|TOKEN$|PASSWORD|^HEARTBEAT_URL$")
"""Where a job reports to is a secret as well; how much an API key may ask for is none."""


Look = Callable[[], Iterator[Word]]


def examine() -> list[Word]:
    """Every part in its turn. Without the database what needs it is left out."""
    words = [*look_at_settings(), *_database()]
    looks: list[Look] = [_broker, _cache, _mail, _disk]
    if words[-1].state != "fail":
        looks = [_migrations, _partitions, _clock, _regions, _secrets, *looks]
    for look in looks:
        try:
            words += look()
        except Error as error:
            words.append(Word(look.__name__.strip("_"), "fail", f"the database refused: {_first_line(error)}"))
    return words


def configuration() -> dict[str, str]:
    """Every variable that the settings read and that is set, with secrets masked."""
    return {name: masked(name, env.text(name)) for name in sorted(env.READ) if env.text(name)}


def masked(name: str, value: str) -> str:
    if HIDDEN.search(name):
        return MASK
    return re.sub(r"(?<=://)([^/@:]*):[^@]*@", rf"\1:{MASK}@", value)


# -- the parts


def look_at_settings() -> Iterator[Word]:
    problems = [problem for problem in system_checks.run_checks() if not problem.is_silenced()]
    for problem in problems:
        state = "fail" if problem.is_serious() else "warn"
        yield Word("settings", state, f"{problem.id}: {problem.msg}", problem.hint or "")  # type: ignore[arg-type]
    if settings.DEBUG:
        yield Word("settings", "warn", "DEBUG is on: everybody sees tracebacks", "Set DEBUG=false.")
    if not settings.SITE_URL.startswith("https://") and not settings.ONEBOX:
        yield Word(
            "settings",
            "warn",
            f"SITE_URL is {settings.SITE_URL}: passwords and cookies travel in the clear",
            "Put a proxy with TLS in front and set SITE_URL=https://...",
        )
    host = urlsplit(settings.SITE_URL).hostname or ""
    if not {host, "*"} & set(settings.ALLOWED_HOSTS) and not _below_a_dot(host):
        yield Word("settings", "fail", f"ALLOWED_HOSTS lacks {host}, the host of SITE_URL", "Add it.")
    elif not problems:
        yield Word("settings", "ok", f"{len(configuration())} variables are set")


def _below_a_dot(host: str) -> bool:
    return any(allowed.startswith(".") and f".{host}".endswith(allowed) for allowed in settings.ALLOWED_HOSTS)


def _database() -> Iterator[Word]:
    try:
        with connection.cursor() as cursor:
            begun = datetime.now(UTC)
            cursor.execute("SELECT current_setting('server_version'), current_setting('max_connections')::int")
            version, most = cursor.fetchone()
            took_ms = (datetime.now(UTC) - begun).total_seconds() * 1_000
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
            used = cursor.fetchone()[0]
    except Error as error:
        yield Word(
            "database", "fail", f"it does not answer: {_first_line(error)}", "Look at DATABASE_URL and at PostgreSQL."
        )
        return
    if used > 0.8 * most:
        yield Word(
            "database",
            "warn",
            f"{used} of {most} connections are in use",
            "Raise max_connections, or run fewer processes.",
        )
    slow = took_ms > SLOW_QUERY_MS
    yield Word(
        "database",
        "warn" if slow else "ok",
        f"PostgreSQL {version}, answers in {took_ms:.1f} ms, {readable_bytes(storage.database_bytes())}",
        "It is far away or busy." if slow else "",
    )


def _migrations() -> Iterator[Word]:
    if pending_migrations():
        yield Word("migrations", "fail", "the code is newer than the tables", "Run manage.py migrate.")
    else:
        yield Word("migrations", "ok", "all are applied")


def _partitions() -> Iterator[Word]:
    tomorrow = (database_now() + timedelta(days=1)).astimezone(UTC).date()
    if tomorrow in days.result_days():
        yield Word("partitions", "ok", "made ahead")
    else:
        yield Word(
            "partitions", "warn", "there is none for tomorrow", "Is a central worker running? It makes them ahead."
        )


def _clock() -> Iterator[Word]:
    before = datetime.now(UTC)
    theirs = database_now()
    middle = before + (datetime.now(UTC) - before) / 2
    yield _clock_word("clock", "this machine is", (middle - theirs).total_seconds())
    for worker in RegionWorker.objects.filter(last_seen__gt=theirs - OFFLINE_AFTER):
        yield _clock_word("clock", f"worker {worker.worker} of {worker.region} is", worker.clock_offset_s)


def _clock_word(part: str, who: str, offset_s: float) -> Word:
    state = "fail" if abs(offset_s) > CLOCK_FAIL_S else "warn" if abs(offset_s) > CLOCK_WARN_S else "ok"
    remedy = "" if state == "ok" else "Let it follow NTP; beyond 10 s checks expire on their way."
    return Word(part, state, f"{who} {round(offset_s, 2) + 0.0:+.2f} s from the database", remedy)  # type: ignore[arg-type]


def _regions() -> Iterator[Word]:
    found = region_health(now=database_now())
    if not found:
        yield Word("regions", "fail", "none is enabled", "Run manage.py region sync, or region enable CODE.")
    missing = set(settings.REGIONS) - set(Region.objects.values_list("code", flat=True))
    for code in sorted(missing):
        yield Word("regions", "fail", f"{code} is in REGIONS and nobody knows it", "Run manage.py region sync.")
    for region in found:
        behind = region["schedule_behind_s"]
        if region["state"] == "draining":
            yield Word("regions", "warn", f"{region['region']} is draining", "manage.py region enable ends that.")
        elif not region["online"]:
            last = region["last_seen"]
            heard = f"has not been heard of since {last:%Y-%m-%d %H:%M:%S} UTC" if last else "was not heard of today"
            yield Word(
                "regions",
                "fail",
                f"{region['region']} {heard}",
                f"Start a worker with REGION={region['region']} that reaches the broker.",
            )
        elif behind is None or behind > BEHIND_S:
            yield Word(
                "regions", "fail", f"checks of {region['region']} are handed out late", "Look at beat and at central."
            )
        else:
            workers = f"{region['workers']} worker{'' if region['workers'] == 1 else 's'}"
            yield Word("regions", "ok", f"{region['region']}: {workers}, {behind} s behind")


def _secrets() -> Iterator[Word]:
    told = rotation.tally(settings.FIELD_ENCRYPTION_KEYS)
    elsewhere = set(told.by_key) - {rotation.key_id(settings.FIELD_ENCRYPTION_KEYS[0]), rotation.UNREADABLE}
    if told.unreadable:
        yield Word(
            "secrets",
            "fail",
            f"{len(told.unreadable):,} fit none of FIELD_ENCRYPTION_KEYS, the first is {told.unreadable[0]}",
            "Add the key that is missing, or enter them again.",
        )
    elif elsewhere:
        yield Word("secrets", "warn", "some are under an old key", "Run manage.py rotate_keys.")
    else:
        yield Word("secrets", "ok", f"{sum(told.by_key.values()):,}, all under the first key")


def _broker() -> Iterator[Word]:
    waiting = broker.queue_lengths([names.CENTRAL_QUEUE, names.RESULTS_QUEUE, names.ALERTS_QUEUE])
    if None in waiting.values():
        yield Word("broker", "fail", "it does not answer", "Look at CELERY_BROKER_URL and at Redis.")
        return
    heard = breaker_word()["state"]
    said = ", ".join(f"{count} in {queue}" for queue, count in waiting.items())
    if heard == "open":
        yield Word("ingest", "fail", "the central worker cannot store results", "Look at its log.")
    elif heard == "unknown":
        yield Word("ingest", "warn", "no central worker has said anything for two minutes", "Is one running?")
    yield Word("broker", "ok", said)


def _cache() -> Iterator[Word]:
    word = get_random_string(12)
    cache.set("doctor", word, 10)
    if cache.get("doctor") == word:
        yield Word("cache", "ok", "it keeps what it is given")
    else:
        yield Word("cache", "warn", "it forgets: programs may ask without limit", "Look at REDIS_URL.")


def _mail() -> Iterator[Word]:
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        backend = settings.EMAIL_BACKEND.rpartition(".")[0].rpartition(".")[2]
        yield Word("mail", "warn", f"none is sent ({backend})", "Set EMAIL_URL=smtp+tls://user:password@host:587.")
        return
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with get_connection():
            yield Word("mail", "ok", f"{where} takes our log-in")
    except (OSError, SMTPException) as error:
        yield Word("mail", "fail", f"{where}: {_first_line(error)}", "Look at EMAIL_URL.")


def _disk() -> Iterator[Word]:
    places = {settings.ARCHIVE_DIR, os.environ.get("PROBE_SPOOL_DIR", ""), tempfile.gettempdir()}
    for place in sorted(found for found in places if found and Path(found).is_dir()):
        usage = shutil.disk_usage(place)
        full = usage.free < LEAST_FREE * usage.total
        yield Word(
            "disk",
            "warn" if full else "ok",
            f"{place}: {readable_bytes(usage.free)} of {readable_bytes(usage.total)} free",
            "Make room." if full else "",
        )
    if limit := settings.STORAGE_MAX_GB * storage.GIGABYTE:
        over = space.report(now=database_now())["database_bytes"] > 0.9 * limit
        yield Word(
            "disk",
            "warn" if over else "ok",
            f"STORAGE_MAX_GB is {settings.STORAGE_MAX_GB}",
            "The oldest days of single results are dropped early." if over else "",
        )


def _first_line(error: Exception) -> str:
    return masked("", str(error).partition("\n")[0])
