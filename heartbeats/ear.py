"""The web server's own heart: while it beats, pings would have been heard.

Each web process stamps the table ``Ear`` every few seconds from a thread of its own. While the database is away no
stamp arrives; a ping that had to be refused is remembered until the next one; and a new process begins the listening
anew, since nobody knows what it would have heard. So no job is blamed for our silence.
"""

from __future__ import annotations

import logging
import threading
import time

from django.db import Error, connection

from heartbeats import services
from heartbeats.selectors import WEB

EVERY_S = 2.0

logger = logging.getLogger(__name__)
_refused = threading.Event()
_refused.set()  # who has just come does not know what came in vain before


def start() -> None:
    """Stamp until this process ends. To be called after the server has forked, since threads do not survive that."""
    threading.Thread(target=_stamp_for_ever, name="ear", daemon=True).start()


def refused() -> None:
    """A ping came while we could not write it down."""
    _refused.set()


def stamp() -> None:
    """Say once that this process listens, and whether it had to refuse a ping since."""
    missed = _refused.is_set()
    _refused.clear()  # before the stamp: a ping that is refused meanwhile is for the next one
    try:
        services.listen(WEB, missed=missed)
    except Error:
        _refused.set()
        raise


def _stamp_for_ever() -> None:
    while True:
        try:
            stamp()
        except Error as error:
            logger.warning("Cannot say that pings are heard: %s", str(error).partition("\n")[0])
            connection.close()
        time.sleep(EVERY_S)
