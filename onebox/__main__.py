"""`make run`: everything on one box, by one command.

1. Read the settings, take the lock on the data directory, look whether the ports are free.
2. Start PostgreSQL and Valkey, unless there are others to use or one does for both; bring the schema up to date.
3. Start everything else, say where it answers, and watch over it until Ctrl-C.
"""

import contextlib
import errno
import fcntl
import http.client
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from onebox import demo
from onebox.box import ROOT, Box, schema_fingerprint
from onebox.log import Log
from onebox.process import StartError
from onebox.servers import Postgres, Valkey, wait_for
from onebox.settings import Settings, keep_region_keys, keep_secrets, read_env_file, read_settings, write_private
from onebox.supervisor import Supervisor

SERVERS_READY_SECONDS = 60.0
WEB_READY_SECONDS = 60.0
LAST_RUN_GONE_SECONDS = 12.0


def main(arguments: list[str]) -> int:
    """Run the box, or one of its management commands: `python -m onebox manage createsuperuser`."""
    try:
        settings = read_settings(os.environ, directory=Path.cwd())
        if arguments[:1] == ["manage"]:
            manage(settings, arguments[1:])
        with only_one(settings.var_dir):
            try:
                run(settings)
            finally:
                environment_file(settings).unlink(missing_ok=True)
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run(settings: Settings) -> None:
    """Start everything and watch over it until somebody asks us to stop."""
    ensure_free(settings.host, settings.port)
    demo_door = open_demo_door(settings)
    box = Box(
        settings,
        keep_secrets(settings.var_dir / "secrets.env"),
        demo_port=demo_door.getsockname()[1],
        demo_door=demo_door.fileno(),
    )
    keep_region_keys(box.keys_dir, settings.regions)
    if not settings.database_url:
        box.postgres = Postgres(settings.var_dir / "postgres")
    if not settings.redis_url and not settings.without_redis:
        box.valkey = Valkey(settings.var_dir / "valkey")
    names = ["onebox", "migrate", "postgres", "central", "alerts", *settings.regions]
    log = Log(sys.stdout, width=max(map(len, names)), coloured=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    with demo_door, Supervisor(log) as supervisor:
        start_servers(box, supervisor)
        if not supervisor.stopping:
            bring_schema_up_to_date(box, supervisor)
        if not supervisor.stopping:
            start_programs(box, supervisor, log)
        supervisor.run()
        supervisor.say("stopping")
    if box.postgres:
        box.postgres.stop()  # the supervisor stopped its process; this clears the socket's directory


def start_servers(box: Box, supervisor: Supervisor) -> None:
    """Start both at once and wait until both take connections."""
    servers = {"postgres": box.postgres, "valkey": box.valkey}
    for service in box.servers():
        supervisor.start(service)

    def all_ready() -> bool:
        pids = {name: supervisor.running_pid(name) for name, server in servers.items() if server}
        return all(pid and (server := servers[name]) and server.is_ready(pid) for name, pid in pids.items())

    if not supervisor.run_until(all_ready, seconds=SERVERS_READY_SECONDS):
        if supervisor.stopping:
            return
        raise StartError("PostgreSQL or Valkey did not get ready; the lines above say why.")
    if box.postgres:
        box.postgres.ensure_database()
    write_private(environment_file(box.settings), box.our_environment())


def bring_schema_up_to_date(box: Box, supervisor: Supervisor) -> None:
    """Migrate and list the regions, unless the same has been done before."""
    stamp = box.settings.var_dir / "migrated"
    fingerprint = schema_fingerprint(box)
    if fingerprint and stamp.exists() and stamp.read_text() == fingerprint:
        return
    stamp.unlink(missing_ok=True)
    for command in box.one_shots():
        if not supervisor.run_once(command):
            if supervisor.stopping:
                return
            raise StartError("The database could not be brought up to date; the lines above say why.")
    stamp.write_text(fingerprint)


def start_programs(box: Box, supervisor: Supervisor, log: Log) -> None:
    """Start everything that is ours, and say where it answers once it does."""
    for service in box.programs():
        supervisor.start(service)
    if supervisor.run_until(lambda: answers(box.settings), seconds=WEB_READY_SECONDS):
        log.text(welcome(box))
    elif not supervisor.stopping:
        supervisor.say("web does not answer yet; its lines above say why")


def welcome(box: Box) -> str:
    """All that a newcomer has to know."""
    data = str(box.settings.var_dir) if box.postgres else "in the database that DATABASE_URL names"
    return f"""
  Uptime runs at   {box.settings.site_url}
  Demo site        {box.demo_url} (switch it to slow or failing: {box.demo_url}control)
  Data             {data}
  Stop             Ctrl-C

  Private and loopback addresses may be monitored here; production refuses them.
"""


def answers(settings: Settings) -> bool:
    """Whether the web process is there. Asked directly: a proxy in the environment has no say."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "localhost"} else settings.host  # noqa: S104
    connection = http.client.HTTPConnection(host, settings.port, timeout=1)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def open_demo_door(settings: Settings) -> socket.socket:
    """Listens on the port that was asked for, or on the first free one from 8001 on.

    For the demo site, which is the last to start: by then another box might have chosen the same.
    """
    if settings.demo_port:
        return _listen(settings.demo_port)
    for port in range(demo.FIRST_PORT, demo.FIRST_PORT + 100):
        with contextlib.suppress(StartError):
            if port != settings.port:
                return _listen(port)
    raise StartError("No port from 8001 to 8100 is free for the demo site: choose one by DEMO_PORT.")


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=demo.BACKLOG)
    except OSError as error:
        raise StartError(_why_not(error, "127.0.0.1", port, "DEMO_PORT")) from error


def ensure_free(host: str, port: int) -> None:
    """Refuse at once what gunicorn would refuse a few seconds and many lines later."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise StartError(_why_not(error, host, port, "PORT")) from error


def _why_not(error: OSError, host: str, port: int, variable: str) -> str:
    if error.errno == errno.EADDRINUSE:
        other = f"{variable}={port + 10} make run"
        return f"Port {port} on {host} is in use: stop what uses it, or choose another one: {other}"
    if error.errno == errno.EACCES:
        return f"{variable}={port} is reserved for root: choose a port from 1024 on."
    return f"HOST={host} is not an address of this machine ({error.strerror})."


@contextlib.contextmanager
def only_one(var_dir: Path) -> Iterator[None]:
    """Hold the data directory. The undertaker inherits the lock, so it also covers what a killed run left."""
    try:
        var_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (var_dir / "lock").open("a+")
    except OSError as error:
        raise StartError(f"VAR_DIR={var_dir} cannot be used: {error.strerror}.") from error
    with lock:
        if not _try_lock(lock):
            _wait_for_lock(lock, var_dir)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _wait_for_lock(lock: TextIO, var_dir: Path) -> None:
    lock.seek(0)
    holder = lock.read().strip()
    if holder.isdecimal() and _is_alive(int(holder)):
        raise StartError(f"Process {holder} already runs on {var_dir}: stop it, or choose another VAR_DIR.")
    print("Waiting for the processes of a killed run to end.", flush=True)
    if not wait_for(lambda: _try_lock(lock), seconds=LAST_RUN_GONE_SECONDS, pause=0.1):
        raise StartError(f"{var_dir} is still in use by the processes of a killed run.")


def _try_lock(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def manage(settings: Settings, arguments: list[str]) -> None:
    """Run `manage.py` with the environment of the box that runs now."""
    environment = read_env_file(environment_file(settings))
    if not environment:
        raise StartError(f"Nothing runs on {settings.var_dir}: `make run` first.")
    (settings.var_dir / "migrated").unlink(missing_ok=True)  # who knows what they are about to do
    os.chdir(ROOT)
    command = [sys.executable, "manage.py", *arguments]
    os.execve(sys.executable, command, {**settings.environment, **environment})  # noqa: S606


def environment_file(settings: Settings) -> Path:
    """What the processes of the running box know, for `manage`."""
    return settings.var_dir / "box.env"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
