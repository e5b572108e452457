"""Faults that can only happen inside a process: a wrong clock, a check that kills its worker, messages sent thrice.

Python imports this file at the start of every process of a box that has this directory on its ``PYTHONPATH``. The
product knows nothing of it. ``CHAOS_SWITCHES`` names a file of three doubles that the test writes while the box runs:
how many seconds the clocks of usa and of india are off, and how many times each message is sent.
"""

# mypy: ignore-errors
import datetime
import mmap
import os
import struct
import sys
import time
from pathlib import Path

SWITCHES = struct.Struct("3d")
POISONED = "/poison/"
DIED_OF_POISON = 66

with open(os.environ["CHAOS_SWITCHES"], "r+b") as file:  # noqa: PTH123 - every import here is paid by every process
    switches = mmap.mmap(file.fileno(), SWITCHES.size)


def falsify_clock(place):
    """Shift what the process takes for the time, as of now and whenever the switch is turned."""
    right_time, right_datetime = time.time, datetime.datetime

    def offset():
        return SWITCHES.unpack(switches)[place]

    class AnyDatetime(type):
        def __instancecheck__(cls, instance):
            return isinstance(instance, right_datetime)

    class WrongDatetime(right_datetime, metaclass=AnyDatetime):
        @classmethod
        def now(cls, tz=None):
            return right_datetime.now(tz) + datetime.timedelta(seconds=offset())

        @classmethod
        def utcnow(cls):
            return cls.now(datetime.UTC).replace(tzinfo=None)

    time.time = lambda: right_time() + offset()
    datetime.datetime = WrongDatetime


def lay_poison():
    """A check of a certain address ends the whole process, as a fault in a C library would."""
    from dataclasses import replace

    sys.path.insert(0, str(Path(__file__).parents[3]))  # this checkout, where there are several
    from probes.kinds import KINDS

    harmless = KINDS["http"].probe

    async def deadly(spec, road, finding):
        if POISONED in str(spec.url):
            os._exit(DIED_OF_POISON)
        return await harmless(spec, road, finding)

    KINDS["http"] = replace(KINDS["http"], probe=deadly)


def repeat_messages():
    """Put each message on its queue as often as the switch says."""
    from kombu.transport.redis import Channel

    once = Channel._put

    def put(self, queue, message, **options):
        for _ in range(max(1, int(SWITCHES.unpack(switches)[2]))):
            once(self, queue, message, **options)

    Channel._put = put


if region := os.environ.get("REGION"):
    falsify_clock(["usa", "india"].index(region))
    lay_poison()
repeat_messages()
