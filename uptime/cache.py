"""The cache of an installation without Redis: a table in PostgreSQL."""

from __future__ import annotations

import base64
import pickle
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connection, transaction


class CountingCache(DatabaseCache):
    """Django's, with counting that is right when several count at once; limits on tries depend on it."""

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Looks first: Django's tries to insert, which makes PostgreSQL log an error for each key that is there."""
        return not self.has_key(key, version) and super().add(key, value, timeout, version)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """One by one, and without a longer life for the key; Django's own forgets all but one of two at once.

        Raises ``ValueError`` when there is no such key.
        """
        name = self.make_and_validate_key(key, version)
        with transaction.atomic(), connection.cursor() as cursor:
            seek = "SELECT value FROM uptime_cache WHERE cache_key = %s AND expires > now() FOR UPDATE"
            cursor.execute(seek, [name])
            found = cursor.fetchone()
            if found is None:
                raise ValueError(f"Key {key!r} not found")
            count = int(pickle.loads(base64.b64decode(found[0]))) + delta  # noqa: S301 - as Django does
            kept = base64.b64encode(pickle.dumps(count, self.pickle_protocol)).decode()
            cursor.execute("UPDATE uptime_cache SET value = %s WHERE cache_key = %s", [kept, name])
        return count
