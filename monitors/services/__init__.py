"""What changes monitors and regions; other apps call what stands here.

``new`` brings new monitors, ``changing`` changes one and ``many`` many of them, by the same ``acts``; both put new
values on by ``fields``, of which ``specs`` reads what is asked of a site. ``asking`` has one checked out of turn.
``quotas`` is how much a team may ask for. ``regions`` come and go, and sign with ``regionkeys``; ``rotation`` puts
every secret under the first key.
"""

from monitors.services.asking import request_check, request_checks, request_checks_of, slow_down, watch_anew
from monitors.services.changing import delete_monitor, pause, renew_ping_url, resume, set_shadow, update_monitor
from monitors.services.many import MOST_AT_ONCE, ManyChanged, Refusal, change_many
from monitors.services.new import Making, clone_monitor, create_monitor, defaults, making, plain_defaults
from monitors.services.regions import (
    add_region,
    choose_default_fallback,
    disable_region,
    drain_region,
    enable_region,
    rearrange,
    regions_meant,
    sync_regions,
)
from monitors.services.specs import check_spec

__all__ = [
    "MOST_AT_ONCE",
    "Making",
    "ManyChanged",
    "Refusal",
    "add_region",
    "change_many",
    "check_spec",
    "choose_default_fallback",
    "clone_monitor",
    "create_monitor",
    "defaults",
    "delete_monitor",
    "disable_region",
    "drain_region",
    "enable_region",
    "making",
    "pause",
    "plain_defaults",
    "rearrange",
    "regions_meant",
    "renew_ping_url",
    "request_check",
    "request_checks",
    "request_checks_of",
    "resume",
    "set_shadow",
    "slow_down",
    "sync_regions",
    "update_monitor",
    "watch_anew",
]
