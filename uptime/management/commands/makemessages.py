"""Collect what is to be translated: also sentences (``say``), and what kinds say of their fields (``told``)."""

from __future__ import annotations

from django.core.management.commands import makemessages

MARKS = ("--keyword=told:3", "--keyword=say:1", "--keyword=say_many:1,2")


class Command(makemessages.Command):
    xgettext_options = [*makemessages.Command.xgettext_options, *MARKS]
