"""What the person wants: read once from the environment and `.env`, checked before anything starts."""

import base64
import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from onebox.process import StartError

REGION_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - what to type when it listens everywhere
PRIVATE_NETWORKS = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"


def _token() -> str:
    return secrets.token_urlsafe(48)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


_region_key = _fernet_key  # 32 random bytes in url-safe base 64 as well

SECRETS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": _token,
    "JWT_SIGNING_KEY": _token,
    "FIELD_ENCRYPTION_KEYS": _fernet_key,
    "METRICS_TOKEN": _token,
}


@dataclass(frozen=True)
class Settings:
    """One box."""

    host: str
    port: int
    demo_port: int | None
    var_dir: Path
    regions: tuple[str, ...]
    database_url: str
    redis_url: str
    broker_url: str
    without_redis: bool
    """PostgreSQL is broker and cache as well; `broker_url` is empty when it is the database that we start."""
    environment: Mapping[str, str] = field(repr=False)
    """The person's own environment, `.env` included: whatever is set there wins over our choices."""

    @property
    def site_url(self) -> str:
        """What to type into the browser."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{WILDCARDS.get(self.host, host)}:{self.port}"


def read_settings(environment: Mapping[str, str], *, directory: Path) -> Settings:
    """Read them; a value that makes no sense is one sentence."""
    merged = {**read_env_file(directory / ".env"), **environment}
    demo_port = merged.get("DEMO_PORT", "")
    broker_url, without_redis = merged.get("CELERY_BROKER_URL", ""), _without_redis(merged)
    return Settings(
        host=merged.get("HOST") or "127.0.0.1",
        port=_port("PORT", merged.get("PORT") or "8000"),
        demo_port=_port("DEMO_PORT", demo_port) if demo_port else None,
        var_dir=(directory / (merged.get("VAR_DIR") or "var")).absolute(),
        regions=_regions(merged.get("REGIONS") or "usa,india"),
        database_url=merged.get("DATABASE_URL", ""),
        redis_url=merged.get("REDIS_URL") or ("" if without_redis else broker_url),
        broker_url=broker_url or ("" if without_redis else merged.get("REDIS_URL", "")),
        without_redis=without_redis,
        environment=merged,
    )


def read_env_file(path: Path) -> dict[str, str]:
    """`NAME=value` lines, with or without quotes; nothing is expanded."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.removeprefix("export ").partition("=") for line in map(str.strip, lines) if line[:1] != "#")
    return {name.strip(): _without_quotes(value.strip()) for name, equals, value in pairs if equals}


def keep_secrets(path: Path, names: Iterable[str] = SECRETS) -> dict[str, str]:
    """Read the box's own secrets, making those that are missing; only their owner can read the file."""
    kept = read_env_file(path)
    missing = {name: SECRETS[name]() for name in names if name not in kept}
    if missing:
        write_private(path, kept | missing)
    return kept | missing


def keep_region_keys(directory: Path, regions: Iterable[str]) -> None:
    """Make the missing keys, a file for each region that only its owner can read."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for region in regions:
        file, unfinished = directory / f"{region}.key", directory / f"{region}.new"
        if not file.exists():
            unfinished.touch(mode=0o600)
            unfinished.write_text(_region_key())
            unfinished.rename(file)


def write_private(path: Path, values: Mapping[str, str]) -> None:
    """Write an environment file, whole or not at all, that nobody else can read at any moment."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def _without_quotes(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _without_redis(environment: Mapping[str, str]) -> bool:
    broker, address = environment.get("BROKER", ""), environment.get("CELERY_BROKER_URL", "")
    if broker not in {"", "postgres"}:
        raise StartError(f"BROKER must be postgres, or not set for Redis, not {broker!r}.")
    named = address.startswith("sqla+")
    if named and not environment.get("DATABASE_URL"):
        raise StartError(
            "CELERY_BROKER_URL names a database and DATABASE_URL does not: name the same one by both, "
            "or set BROKER=postgres in place of either."
        )
    if broker and address and not named:
        raise StartError("BROKER=postgres and CELERY_BROKER_URL name two different brokers: set one of them.")
    return bool(broker or named)


def _port(name: str, value: str) -> int:
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise StartError(f"{name} must be a number from 1 to 65535, not {value!r}.")
    return int(value)


def _regions(value: str) -> tuple[str, ...]:
    codes = tuple(code.strip() for code in value.split(",") if code.strip())
    for code in codes:
        if not REGION_CODE.fullmatch(code):
            raise StartError(f"REGIONS: {code!r} is not a region; use lower-case letters, digits and hyphens.")
    if not codes or len(set(codes)) != len(codes):
        raise StartError(f"REGIONS must name each region once, for example usa,india, not {value!r}.")
    return codes
