"""The dead man's switch: somebody outside hears from us as long as all is well, and speaks up when that ends."""

from __future__ import annotations

import logging

from django.conf import settings

from checks.selectors.health import health
from probes.contract import InvalidSpec
from probes.findings import Fault
from probes.hosts import parse_url
from probes.post import Post, shared_poster

TIMEOUT_S = 10.0
FIRST_REFUSAL = 300

logger = logging.getLogger(__name__)


def say_all_is_well() -> bool:
    """Ping HEARTBEAT_URL, through the guard, when ``/readyz`` would say that all is well; says whether it was taken.

    Whoever rings for this shows that beat and the central worker live. The address is a secret and never logged.
    """
    if not settings.HEARTBEAT_URL:
        return False
    found = health()
    if found["status"] != "ok":
        failing = ", ".join(f"{name} is {word}" for name, word in found["parts"].items() if word != "ok")
        logger.warning("No heartbeat is sent: %s", failing)
        return False
    try:
        answer = shared_poster().send(Post(parse_url(settings.HEARTBEAT_URL), b"", method="GET"), timeout_s=TIMEOUT_S)
    except InvalidSpec as error:
        logger.error("HEARTBEAT_URL makes no sense: %s", error)
        return False
    except Fault as fault:
        logger.warning("The heartbeat was not taken: %s", fault.reason)
        return False
    if answer.status >= FIRST_REFUSAL:
        logger.warning("The heartbeat was not taken: it was answered with %d", answer.status)
        return False
    return True
