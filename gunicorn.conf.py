"""gunicorn reads this by itself, wherever it is started from this directory; its options come on the command line."""

from typing import Any

worker_class = "uptime.web.PatientWorker"


def post_worker_init(worker: Any) -> None:
    """A worker is ready: from now on pings are heard."""
    from heartbeats import ear  # the settings are not there before

    ear.start()
