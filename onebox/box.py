"""What is in the box: which processes there are, and what each of them may know."""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from onebox.process import Command
from onebox.servers import Postgres, Valkey
from onebox.settings import PRIVATE_NETWORKS, Settings
from onebox.supervisor import STOP_WITHIN_SECONDS, Service

ROOT = Path(__file__).resolve().parent.parent

# The order of stopping: who does work first, who keeps it last.
PROGRAMS, VALKEY, POSTGRES = range(3)
PROGRAM_GRACE_S = 5.5

HABITS = {
    # One person's box may run as root, and serves static files without collecting them first.
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges,ignore:No directory at",
    # By itself the C library keeps a store of free memory for every thread or two, and we have many.
    "MALLOC_ARENA_MAX": "2",
}

# What a region worker takes over from the person's environment, beside PROBE_*: how programs run, no more.
REGION_SETTINGS = ("PROBE_", "OTEL_")
REGION_MAY_KNOW = {"HOME", "LANG", "LC_ALL", "LOG_FORMAT", "LOG_LEVEL", "PATH", "TMPDIR", "TZ"}
REGION_MAY_KNOW |= {"PYTHONDONTWRITEBYTECODE", "SSL_CERT_DIR", "SSL_CERT_FILE"}


@dataclass
class Box:
    """The processes of one box, as services for the supervisor."""

    settings: Settings
    secrets: Mapping[str, str] = field(repr=False)
    demo_port: int
    demo_door: int = -1
    """The open file of the socket that listens there; the demo site takes it over."""
    postgres: Postgres | None = None
    valkey: Valkey | None = None

    @property
    def demo_url(self) -> str:
        """Where the demo site answers."""
        return f"http://127.0.0.1:{self.demo_port}/"

    @property
    def database_url(self) -> str:
        """The embedded PostgreSQL, or the person's own."""
        return self.postgres.url if self.postgres else self.settings.database_url

    @property
    def redis_url(self) -> str:
        """The embedded Valkey, or the person's own; empty without Redis."""
        return self.valkey.url if self.valkey else self.settings.redis_url

    @property
    def broker_url(self) -> str:
        """The embedded Valkey, the person's own broker, or the database."""
        if self.valkey:
            return self.valkey.url
        return self.settings.broker_url or "sqla+postgresql+psycopg://" + self.database_url.partition("://")[2]

    @property
    def keys_dir(self) -> Path:
        """A file for each region: what its worker signs with, and the centre believes."""
        return self.settings.var_dir / "keys"

    def servers(self) -> Iterator[Service]:
        """The embedded servers."""
        if self.valkey:
            yield Service("valkey", self.valkey.prepared_command, stop_rank=VALKEY, grace_seconds=2)
        if self.postgres:  # the last to stop: it may take what is left, as a busy disk takes its time
            command = self.postgres.prepared_command
            yield Service("postgres", command, stop_rank=POSTGRES, grace_seconds=STOP_WITHIN_SECONDS)

    def programs(self) -> Iterator[Service]:
        """Everything that is ours, each by the name it has in the log."""
        yield _service(self._web())
        yield _service(self._beat())
        yield _service(self._central())
        yield _service(self._alerts())
        for region in self.settings.regions:
            yield _service(self._region(region))
        yield _service(self._demo())

    def one_shots(self) -> tuple[Command, ...]:
        """What has to be done before the programs start."""
        return (
            self._command("migrate", "manage.py", "migrate", "--noinput", "--verbosity", "0"),
            self._command("migrate", "manage.py", "region", "sync", "--keys", str(self.keys_dir)),
        )

    def our_environment(self) -> dict[str, str]:
        """What the server's processes get beside the person's environment; what the person chose wins."""
        defaults = {
            **self.secrets,
            "ONEBOX": "true",
            "SITE_URL": self.settings.site_url,
            "ALLOWED_HOSTS": _own_names(self.settings.host),
            "EMAIL_URL": "consolemail://",
            "DEMO_SITE_URL": self.demo_url,
            "PROBE_ALLOWED_NETWORKS": PRIVATE_NETWORKS,
            **HABITS,
        }
        chosen = {name: self.settings.environment.get(name) or value for name, value in defaults.items()}
        return chosen | {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "CELERY_BROKER_URL": self.broker_url,
            "REGIONS": ",".join(self.settings.regions),
            "VAR_DIR": str(self.settings.var_dir),
            "PYTHONUNBUFFERED": "1",
        }

    def region_environment(self, region: str) -> dict[str, str]:
        """A region knows its name and its broker, but no secret of the server, and the database only as its broker."""
        person = self.settings.environment
        known = {name for name in person if name in REGION_MAY_KNOW or name.startswith(REGION_SETTINGS)}
        return {
            "PROBE_ALLOWED_NETWORKS": PRIVATE_NETWORKS,
            "PROBE_SPOOL_DIR": str(self.settings.var_dir / "spool"),
            **HABITS,
            **{name: person[name] for name in known},
            "PYTHONUNBUFFERED": "1",
            "REGION": region,
            "REGION_KEY_FILE": str(self.keys_dir / f"{region}.key"),
            "WORKER_ID": f"{region}-1",
            "CELERY_BROKER_URL": self.broker_url,
        }

    def _web(self) -> Command:
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return self._command(
            "web",
            *("-m", "gunicorn", "uptime.wsgi", "--bind", f"{host}:{self.settings.port}"),
            # One process: a second would serve no more people on a machine that does all the rest as well.
            *("--threads", "16", "--graceful-timeout", "1", "--no-control-socket", "--log-level", "warning"),
        )

    def _beat(self) -> Command:
        schedule = str(self.settings.var_dir / "beat-schedule")
        return self._command(
            "beat", "-m", "probes.serve", "--quiet", "-A", "uptime.beat", "beat", "--schedule", schedule
        )

    def _central(self) -> Command:
        worker = ("-m", "probes.serve", "--quiet", "-A", "uptime", "worker")
        return self._command("central", *worker, "-Q", "central,results", "-c", "2", "-n", "central@%h")

    def _alerts(self) -> Command:
        worker = ("-m", "probes.serve", "--quiet", "-A", "uptime", "worker")
        # Threads: they wait for other people's servers, and nothing else waits for them.
        return self._command("alerts", *worker, "-Q", "alerts", "-P", "threads", "-c", "16", "-n", "alerts@%h")

    def _region(self, region: str) -> Command:
        worker = ("-m", "probes.serve", "--quiet", "-A", "probes.worker", "worker")
        queues = f"region.{region},region.{region}.now"
        return Command(
            name=region,
            argv=(sys.executable, *worker, "-Q", queues, "-n", f"{region}@%h"),
            cwd=ROOT,
            env=self.region_environment(region),
        )

    def _demo(self) -> Command:
        return replace(self._command("demo", "-m", "onebox.demo", str(self.demo_door)), inherits=(self.demo_door,))

    def _command(self, name: str, *arguments: str) -> Command:
        return Command(
            name=name,
            argv=(sys.executable, *arguments),
            cwd=ROOT,
            env={**self.settings.environment, **self.our_environment()},
        )


def _service(command: Command) -> Service:
    return Service(command.name, lambda: command, stop_rank=PROGRAMS, grace_seconds=PROGRAM_GRACE_S)


def _own_names(host: str) -> str:
    """Whom the box answers as: what every machine calls itself, and where it listens."""
    listens = f"[{host}]" if ":" in host else host
    return ",".join(dict.fromkeys(("localhost", "127.0.0.1", "[::1]", listens)))


def schema_fingerprint(box: Box) -> str:
    """Changes whenever `one_shots` might have something to do; empty when we cannot know.

    It covers the migrations (ours, and those of the pinned packages), the regions, the commands, and the
    identity of the embedded cluster: one that was thrown away and made anew starts from nothing.
    """
    if box.postgres is None:
        return ""
    cluster = (box.postgres.data_dir / "PG_VERSION").stat()
    digest = hashlib.sha256(f"{cluster.st_ino}:{cluster.st_mtime_ns}:{box.settings.regions}".encode())
    for file in sorted(box.keys_dir.glob("*.key")):
        digest.update(file.read_bytes())
    patterns = ("requirements.txt", "manage.py", "*/migrations/*.py", "*/management/commands/*.py")
    for file in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        digest.update(os.fsencode(file.relative_to(ROOT)) + b"\0" + file.read_bytes())
    return digest.hexdigest()
