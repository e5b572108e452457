"""What a WSGI server (gunicorn) serves."""

import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

from probes.absent import without
from uptime import tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "uptime.settings")

tracing.start("uptime-web")
# The API's framework loads them where they are (Apprise wants them), for a client of tests and for pages that are not
# ours: 6 MB.
with without("requests", "markdown"):
    application = get_wsgi_application()
    # Django would read the routes, and all pages with them, while the first visitor waits, in each process by itself.
    import_module("uptime.urls")
