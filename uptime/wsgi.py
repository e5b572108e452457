"""What a WSGI server (gunicorn) serves."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from django.core.wsgi import get_wsgi_application

from uptime import tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "uptime.settings")


@contextmanager
def without(*names: str) -> Iterator[None]:
    """As if these were not installed, unless they have been loaded before."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is Python's word for "there is no such"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


tracing.start("uptime-web")
# The API's framework loads them where they are (Apprise wants them), for a client of tests and for pages that are not
# ours: 6 MB.
with without("requests", "markdown"):
    application = get_wsgi_application()
    # Django would read the routes, and all pages with them, while the first visitor waits, in each process by itself.
    import_module("uptime.urls")
