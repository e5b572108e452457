"""gunicorn reads this by itself, wherever it is started from this directory; its options come on the command line."""

import gc
import os
from typing import Any

worker_class = "uptime.web.PatientWorker"
# Several processes share what one has imported for them; a single one would only have it twice.
preload_app = int(os.environ.get("WEB_CONCURRENCY") or 1) > 1


def pre_fork(_server: Any, _worker: Any) -> None:
    """Memory is shared until somebody writes to it, and the garbage collector writes to every object it looks at."""
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """A worker is ready: from now on pings are heard.

    What is loaded by now stays until the end. The garbage collector need not look through all of it whenever requests
    have left enough behind: that took a fifth of a second, and one request in twenty waited for it.
    """
    gc.collect()
    gc.freeze()
    from heartbeats import ear  # the settings are not there before

    ear.start()
