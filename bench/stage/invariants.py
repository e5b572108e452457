"""What must hold after anything was broken, as SQL that returns the rows that break it."""

LOST_OR_UNRECORDED = """
WITH span AS (
    SELECT ceil(extract(epoch FROM %s::timestamptz))::bigint AS since,
        floor(extract(epoch FROM %s::timestamptz))::bigint AS until
),
region AS (
    SELECT *, row_number() OVER (ORDER BY ordinal, code) - 1 AS place, count(*) OVER () AS regions
    FROM monitors_region WHERE enabled
),
owed AS (
    SELECT monitor.id, monitor.name, region.code, checked.interval,
        ARRAY[region.code] || monitor.fallback_regions || (
            SELECT array_agg(region_id) FROM monitors_defaultfallback WHERE team_id = monitor.team_id
        ) AS may_check,
        monitor.phase + checked.interval * region.place / region.regions AS turn,
        CASE WHEN NOT stood_in_for THEN region.missed_since END AS missed_since,
        ceil(extract(epoch FROM 5 * interval '1 second' + greatest(
            monitor.created_at, monitor.updated_at, monitor.eager_since, slowed.since
        )))::bigint AS since
    FROM monitors_monitor AS monitor
    JOIN region ON region.code = ANY (monitor.regions)
    CROSS JOIN LATERAL (
        SELECT coalesce(monitor.slowed_to, monitor.interval) AS interval,
            jsonb_exists(monitor.stand_ins, region.code) AS stood_in_for
    ) AS checked
    CROSS JOIN LATERAL (
        SELECT max(changed.at) AS since FROM (
            SELECT slot FROM checks_checkresult AS result
            WHERE monitor.slowed_to IS NOT NULL AND result.monitor_id = monitor.id
                AND mod(extract(epoch FROM slot)::bigint - monitor.phase, monitor.slowed_to) NOT IN (
                    SELECT monitor.slowed_to * place / regions FROM region
                )
        ) AS changed (at)
    ) AS slowed
    WHERE NOT monitor.paused AND (stood_in_for OR NOT region.draining)
)
SELECT owed.name, owed.code AS region, due.slot
FROM span, owed
CROSS JOIN LATERAL (SELECT greatest(span.since, owed.since) AS since) AS counted
CROSS JOIN LATERAL (
    SELECT to_timestamp(second) AS slot
    FROM generate_series(
        counted.since + mod(mod(owed.turn - counted.since, owed.interval) + owed.interval, owed.interval),
        span.until, owed.interval
    ) AS second
) AS due
WHERE (owed.missed_since IS NULL OR due.slot <= owed.missed_since)
    AND NOT EXISTS (
        SELECT FROM checks_checkresult AS result
        WHERE result.monitor_id = owed.id AND result.region = ANY (owed.may_check) AND result.slot = due.slot
            AND result.slot >= (SELECT to_timestamp(since) FROM span)
    )
    AND NOT EXISTS (
        SELECT FROM checks_checkresult AS result
        WHERE result.monitor_id = owed.id AND result.region = ANY (owed.may_check)
            AND result.slot > due.slot AND result.slot < due.slot + interval '1 hour'
            AND result.reason = 'scheduler_gap' AND result.slot >= (SELECT to_timestamp(since) FROM span)
            AND result.slot - due.slot < make_interval(secs => owed.interval * result.slots)
    )
"""
"""Every due slot has a row of its own, or lies in a recorded gap. Parameters: from, until.

Counted from when a monitor was made, last changed, resumed or sent back to its own interval (and a few seconds more:
checks are handed out before their second); a slowed one from its last check outside its longer timetable. Whoever
stands in for a region owes its slots; a region that drains owes none, and what one that is gone has missed is noted on
the region until it returns. No region may have been switched on or off within the span.
"""

_RECOUNT = """
    SELECT monitor_id, region, date_trunc('{span}', slot, 'UTC') AS bucket,
        coalesce(sum(slots) FILTER (WHERE outcome = 'up'), 0) AS up,
        coalesce(sum(slots) FILTER (WHERE outcome = 'degraded'), 0) AS degraded,
        coalesce(sum(slots) FILTER (WHERE outcome = 'down'), 0) AS down,
        coalesce(sum(slots) FILTER (WHERE outcome = 'unknown'), 0) AS unknown,
        coalesce(sum(slots) FILTER (WHERE outcome = 'maintenance'), 0) AS maintenance,
        count(total_ms) FILTER (WHERE outcome IN ('up', 'degraded')) AS timed
    FROM checks_checkresult WHERE monitor_id IN (SELECT id FROM monitors_monitor) GROUP BY 1, 2, 3
"""
_KEPT = """
    SELECT monitor_id, region, bucket, up, degraded, down, unknown, maintenance, timed FROM checks_{span}s
"""
ROLLUPS_DIFFER = f"""
WITH recount AS (
    SELECT 'hour', * FROM ({_RECOUNT.format(span="hour")}) AS hours
    UNION ALL SELECT 'day', * FROM ({_RECOUNT.format(span="day")}) AS days
),
kept AS (
    SELECT 'hour', * FROM ({_KEPT.format(span="hour")}) AS hours
    UNION ALL SELECT 'day', * FROM ({_KEPT.format(span="day")}) AS days
)
(SELECT 'raw', * FROM recount EXCEPT SELECT 'raw', * FROM kept)
UNION ALL
(SELECT 'kept', * FROM kept EXCEPT SELECT 'kept', * FROM recount)
"""  # noqa: S608 - built from the constants above
"""The sums by hour and by day, as readers see them, say what the single results say."""

OPEN_TOO_LONG = """
SELECT id, attempt, created_at, sent_at FROM checks_checkbatch
WHERE state = 'open' AND created_at < %s
"""

MORE_THAN_ONE_OPEN_INCIDENT = """
SELECT monitor_id FROM incidents_incident WHERE resolved_at IS NULL GROUP BY 1 HAVING count(*) > 1
"""

TOO_MANY_ATTEMPTS = "SELECT id, attempt FROM checks_checkbatch WHERE attempt > 5"

BUILT_FROM_UNKNOWNS = """
SELECT event.id, incident.monitor_id, event.votes
FROM incidents_incidentevent AS event
JOIN incidents_incident AS incident ON incident.id = event.incident_id
CROSS JOIN LATERAL (
    SELECT count(*) AS counted FROM jsonb_to_recordset(event.votes)
        AS vote (region text, outcome text, excluded text, slot timestamptz)
    JOIN checks_checkresult AS result ON result.monitor_id = incident.monitor_id
        AND result.region = vote.region AND result.slot = vote.slot AND result.outcome = vote.outcome
    WHERE vote.excluded IS NULL AND CASE event.kind WHEN 'opened' THEN vote.outcome = 'down'
        ELSE vote.outcome IN ('up', 'degraded') END
) AS votes
WHERE event.kind IN ('opened', 'resolved') AND event.note = '' AND 2 * votes.counted <= jsonb_array_length(event.votes)
"""
"""Whatever opened or closed an incident was the word of most regions, each with a single result behind it."""

TOLD_WRONGLY = """
SELECT incident.id, incident.monitor_id,
    count(*) FILTER (WHERE kind = 'opened') AS opened, count(*) FILTER (WHERE kind = 'resolved') AS resolved
FROM incidents_incident AS incident LEFT JOIN incidents_incidentevent AS event ON event.incident_id = incident.id
GROUP BY incident.id
HAVING count(*) FILTER (WHERE kind = 'opened') + count(*) FILTER (WHERE kind = 'flapping')
        <> 1 + (count(*) FILTER (WHERE kind = 'opened') = 1 AND count(*) FILTER (WHERE kind = 'calm') = 1)::int
    OR count(*) FILTER (WHERE kind = 'calm') > count(*) FILTER (WHERE kind = 'flapping')
    OR count(*) FILTER (WHERE kind = 'resolved')
        <> count(*) FILTER (WHERE kind = 'reopened') + (incident.resolved_at IS NOT NULL)::int
"""
"""Every incident is announced once, and once that it is over: by name, or as one that flaps.

One that flapped may be calm and still down: then it goes on as an ordinary one, and that is told as well. Whoever opens
an incident again takes one end back.
"""
