"""How values are kept in Redis, and the cache of an installation without it: a table in PostgreSQL."""

from __future__ import annotations

import base64
import logging
import pickle
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connection, transaction
from django.utils.crypto import constant_time_compare, salted_hmac
from django_redis.serializers.base import BaseSerializer

MARK_BYTES = 32

logger = logging.getLogger(__name__)


class SignedPickle(BaseSerializer):  # type: ignore[misc]
    """What django-redis keeps, with a mark of ours in front: what somebody else has put there is not there.

    Reading a pickle runs whatever it says. On a broker with one password for all, a region that was stolen could write
    into the cache, and would be the server with the next page that is looked at.
    """

    def dumps(self, value: Any) -> bytes:
        body = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        return _mark(body) + body

    def loads(self, value: bytes) -> Any:
        mark, body = value[:MARK_BYTES], value[MARK_BYTES:]
        if not constant_time_compare(mark, _mark(body)):
            logger.error("Something in the cache is not ours, or from before SECRET_KEY was changed: it is not read")
            return None
        return pickle.loads(body)  # noqa: S301 - ours, by its mark


def _mark(body: bytes) -> bytes:
    return salted_hmac("uptime.cache", body, algorithm="sha256").digest()


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
