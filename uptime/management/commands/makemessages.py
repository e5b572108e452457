"""Collect what is to be translated: also what kinds of monitors and channels say of their fields (``told``)."""

from __future__ import annotations

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=told:3"]
