"""What must hold after anything was killed, as SQL that returns the rows that break it."""

LOST_OR_UNRECORDED = """
SELECT monitor.name, region.code AS region, due.slot
FROM monitors_monitor AS monitor
JOIN monitors_region AS region ON region.code = ANY (monitor.regions) AND region.enabled
CROSS JOIN LATERAL (
    SELECT monitor.phase + monitor.interval * region.ordinal
        / (SELECT count(*) FROM monitors_region WHERE enabled) AS offset_s
) AS turn
CROSS JOIN LATERAL (
    SELECT to_timestamp(second) AS slot
    FROM generate_series(ceil(extract(epoch FROM %s::timestamptz))::bigint,
                         floor(extract(epoch FROM %s::timestamptz))::bigint) AS second
    WHERE mod(second - turn.offset_s, monitor.interval) = 0
) AS due
WHERE NOT monitor.paused AND NOT EXISTS (
    SELECT FROM checks_checkresult AS result
    WHERE result.monitor_id = monitor.id AND result.region = region.code
        AND (result.slot = due.slot
            OR (result.reason = 'scheduler_gap' AND result.slot > due.slot
                AND result.slot - due.slot <= make_interval(secs => monitor.interval * result.slots)))
)
"""
"""Every due slot has a row of its own, or lies in a recorded gap. Parameters: from, until."""

ROLLUPS_DIFFER = """
WITH recount AS (
    SELECT monitor_id, region, date_trunc('hour', slot, 'UTC') AS bucket,
        coalesce(sum(slots) FILTER (WHERE outcome = 'up'), 0) AS up,
        coalesce(sum(slots) FILTER (WHERE outcome = 'degraded'), 0) AS degraded,
        coalesce(sum(slots) FILTER (WHERE outcome = 'down'), 0) AS down,
        coalesce(sum(slots) FILTER (WHERE outcome = 'unknown'), 0) AS unknown
    FROM checks_checkresult GROUP BY 1, 2, 3
),
kept AS (SELECT monitor_id, region, bucket, up, degraded, down, unknown FROM checks_rolluphour)
(SELECT 'raw', * FROM recount EXCEPT SELECT 'raw', * FROM kept)
UNION ALL
(SELECT 'kept', * FROM kept EXCEPT SELECT 'kept', * FROM recount)
"""

OPEN_TOO_LONG = """
SELECT id, attempt, created_at, sent_at FROM checks_checkbatch
WHERE state = 'open' AND created_at < %s
"""

MORE_THAN_ONE_OPEN_INCIDENT = """
SELECT monitor_id FROM incidents_incident WHERE resolved_at IS NULL GROUP BY 1 HAVING count(*) > 1
"""
