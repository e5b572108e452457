"""How a result lies in its table, where that is narrower than how it is spoken of everywhere else.

Most of what the database holds is results, and PostgreSQL rounds each row up to 8 bytes. So the start is not a time but
milliseconds after the slot, in half the bytes; and what nearly every result lacks is an empty value and no null, since
a row without any null needs no note of which they are. What that saves is counted in docs/performance.md.
"""

from __future__ import annotations

CHECKED_AT = "slot + late_ms * interval '1 millisecond'"

READ = {"checked_at": CHECKED_AT, "tls_ms": "nullif(tls_ms, 0)", "reason": "nullif(reason, '')"}
"""What is spoken of, from what lies in the table. Other columns are as they are."""


def written(late_ms: str) -> dict[str, str]:
    """The reverse; ``late_ms`` is SQL for the start less the slot. What began later than 24 days after counts as that:
    only gaps are, which are written down when somebody notices them."""
    fits = f"least(greatest(round(({late_ms})::float8), -2147483648), 2147483647)::integer"
    return {"late_ms": fits, "tls_ms": "coalesce(tls_ms, 0)", "reason": "coalesce(reason, '')"}
