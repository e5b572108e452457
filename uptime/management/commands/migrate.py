"""``manage.py migrate``, which waits for locks a little and tries again, instead of holding everybody up.

A statement that changes a table waits until whoever uses it is done, and all others wait behind it. So each waits
``MIGRATION_LOCK_TIMEOUT_SECONDS`` at most, then the migration is undone, and tried again after a pause.
"""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

PAUSES_S = (1, 2, 5, 10, 20)


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        seconds: int = settings.MIGRATION_LOCK_TIMEOUT_SECONDS
        for pause in (*PAUSES_S, None):
            with connections[options["database"]].cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{seconds}s"])
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise
                if pause is None:
                    raise CommandError(
                        f"A table stayed in use for {seconds} s, {len(PAUSES_S) + 1} times: find out what uses it by "
                        "pg_stat_activity, or raise MIGRATION_LOCK_TIMEOUT_SECONDS. What was migrated so far stays."
                    ) from error
                self.stderr.write(f"A table is in use; trying again in {pause} s.")
                time.sleep(pause)
            else:
                break
            finally:
                with connections[options["database"]].cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
