"""Rollups are written once, when their hour is over, in narrow rows; what is there is carried over.

Hours of 60 checks took 342 bytes with two indexes and an array; now they take about 140. Histograms are packed bytes.
Views add the hours that are still open, from the raw rows. There is no way back but a backup.
"""

import django.db.models.deletion
from django.db import migrations, models

import checks.models

# Not STRICT: a strict function with CASE in it is called for each value, where this one becomes part of the query.
BUCKET = """
CREATE OR REPLACE FUNCTION latency_bucket(ms double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN ms <= 1 THEN 1 WHEN ms > 1 THEN least(88, 1 + ceil(ln(ms) / ln(1.15::float8) - 1e-9))::integer END
$$
"""

# A histogram while it is added up is an array of counts by latency bucket, null for none.
PACK = """
CREATE FUNCTION pack_histogram(counts integer[]) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    first integer;
    last integer;
    most integer := 0;
    width integer := 1;
    packed bytea;
    number integer;
BEGIN
    FOR bucket IN 1 .. coalesce(array_upper(counts, 1), 0) LOOP
        IF counts[bucket] > 0 THEN
            first := coalesce(first, bucket);
            last := bucket;
            most := greatest(most, counts[bucket]);
        END IF;
    END LOOP;
    IF first IS NULL THEN
        RETURN '';
    END IF;
    IF most > 65535 THEN
        width := 4;
    ELSIF most > 255 THEN
        width := 2;
    END IF;
    packed := decode(repeat('00', 2 + width * (last - first + 1)), 'hex');
    packed := set_byte(set_byte(packed, 0, first), 1, width);
    FOR bucket IN first .. last LOOP
        number := coalesce(counts[bucket], 0);
        FOR place IN REVERSE width - 1 .. 0 LOOP
            EXIT WHEN number = 0;
            packed := set_byte(packed, 2 + width * (bucket - first) + place, number & 255);
            number := number >> 8;
        END LOOP;
    END LOOP;
    RETURN packed;
END
$$
"""

HISTOGRAM = """
CREATE FUNCTION latency_histogram(latencies double precision[]) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    counts integer[] := array_fill(NULL::integer, ARRAY[88]);
    latency double precision;
    bucket integer;
BEGIN
    FOREACH latency IN ARRAY coalesce(latencies, '{}') LOOP
        CONTINUE WHEN latency IS NULL;
        bucket := latency_bucket(latency);
        counts[bucket] := coalesce(counts[bucket], 0) + 1;
    END LOOP;
    RETURN pack_histogram(counts);
END
$$
"""

ADD = """
CREATE FUNCTION add_histogram(counts integer[], packed bytea) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    bucket integer;
    width integer;
    number integer;
BEGIN
    IF coalesce(packed, '') = '' THEN
        RETURN counts;
    END IF;
    bucket := get_byte(packed, 0);
    width := get_byte(packed, 1);
    FOR place IN 2 .. length(packed) - 1 BY width LOOP
        number := get_byte(packed, place);
        FOR further IN 1 .. width - 1 LOOP
            number := (number << 8) | get_byte(packed, place + further);
        END LOOP;
        counts[bucket] := coalesce(counts[bucket], 0) + number;
        bucket := bucket + 1;
    END LOOP;
    RETURN counts;
END
$$
"""

SUM = """
CREATE AGGREGATE sum_histograms(bytea) (
    SFUNC = add_histogram, STYPE = integer[], FINALFUNC = pack_histogram, INITCOND = '{}', PARALLEL = SAFE
)
"""

OLD_AWAY = """
DROP AGGREGATE sum_histograms(integer[]);
DROP FUNCTION add_histograms(integer[], integer[]);
DROP FUNCTION latency_histogram(double precision[]);
DROP INDEX checks_hours_by_age;
ALTER TABLE checks_rolluphour RENAME TO checks_oldhour;
ALTER TABLE checks_rollupday RENAME TO checks_oldday;
"""

COLUMNS = "monitor_id, region, bucket, up, degraded, down, unknown, maintenance, timed, sum_ms, min_ms, max_ms"

CARRY_OVER = f"""
INSERT INTO checks_rolluphour ({COLUMNS}, histogram)
    SELECT {COLUMNS}, pack_histogram(histogram) FROM checks_oldhour ORDER BY bucket, monitor_id, region;
INSERT INTO checks_rollupday ({COLUMNS}, histogram)
    SELECT {COLUMNS}, pack_histogram(histogram) FROM checks_oldday ORDER BY bucket, monitor_id, region;
INSERT INTO checks_rollupmark (id, folded, closing)
    VALUES (1, date_trunc('hour', now(), 'UTC'), date_trunc('hour', now(), 'UTC'));
DROP TABLE checks_oldhour;
DROP TABLE checks_oldday;
"""  # noqa: S608 - the columns above

# Hours come in the order of time, so a few pages of summaries say where the old ones lie.
AGE = "CREATE INDEX checks_hours_by_age ON checks_rolluphour USING brin (bucket) WITH (autosummarize = on)"

COUNTED = """
    coalesce(sum(slots) FILTER (WHERE outcome = 'up'), 0)::integer AS up,
    coalesce(sum(slots) FILTER (WHERE outcome = 'degraded'), 0)::integer AS degraded,
    coalesce(sum(slots) FILTER (WHERE outcome = 'down'), 0)::integer AS down,
    coalesce(sum(slots) FILTER (WHERE outcome = 'unknown'), 0)::integer AS unknown,
    0 AS maintenance,
    count(timed_ms)::integer AS timed,
    coalesce(sum(timed_ms), 0)::real AS sum_ms, min(timed_ms)::real AS min_ms, max(timed_ms)::real AS max_ms,
    latency_histogram(array_agg(timed_ms)) AS histogram
"""

ADDED = """
    sum(up)::integer AS up, sum(degraded)::integer AS degraded, sum(down)::integer AS down,
    sum(unknown)::integer AS unknown, sum(maintenance)::integer AS maintenance, sum(timed)::integer AS timed,
    sum(sum_ms::float8)::real AS sum_ms, min(min_ms) AS min_ms, max(max_ms) AS max_ms,
    sum_histograms(histogram) AS histogram
"""

HOURS = f"""
CREATE VIEW checks_hours AS
SELECT monitor_id, region, bucket, up::integer, degraded::integer, down::integer, unknown::integer,
    maintenance::integer, timed::integer, sum_ms, min_ms, max_ms, histogram
FROM checks_rolluphour WHERE bucket < (SELECT folded FROM checks_rollupmark)
UNION ALL
SELECT monitor_id, region, bucket, {COUNTED}
FROM (
    SELECT monitor_id, region, date_trunc('hour', slot, 'UTC') AS bucket, slots, outcome,
        CASE WHEN outcome IN ('up', 'degraded') THEN total_ms::float8 END AS timed_ms
    FROM checks_checkresult WHERE slot >= coalesce((SELECT folded FROM checks_rollupmark), '-infinity')
) AS open_hours
GROUP BY 1, 2, 3
"""  # noqa: S608 - the columns above

DAYS = f"""
CREATE VIEW checks_days AS
SELECT monitor_id, region, bucket, up, degraded, down, unknown, maintenance, timed, sum_ms, min_ms, max_ms, histogram
FROM checks_rollupday WHERE bucket < date_trunc('day', (SELECT folded FROM checks_rollupmark), 'UTC')
UNION ALL
SELECT monitor_id, region, day AS bucket, {ADDED}
FROM (SELECT *, date_trunc('day', bucket, 'UTC') AS day FROM checks_hours) AS hours
WHERE bucket >= coalesce(date_trunc('day', (SELECT folded FROM checks_rollupmark), 'UTC'), '-infinity')
GROUP BY 1, 2, 3
"""  # noqa: S608 - the columns above


def span(name: str, view: str) -> migrations.CreateModel:
    counts = ("up", "degraded", "down", "unknown", "maintenance", "timed")
    key = models.CompositePrimaryKey(
        "monitor_id", "region", "bucket", blank=True, editable=False, primary_key=True, serialize=False
    )
    return migrations.CreateModel(
        name=name,
        fields=[
            ("pk", key),
            ("region", models.CharField(max_length=31)),
            ("bucket", models.DateTimeField()),
            *((count, models.IntegerField()) for count in counts),
            ("sum_ms", checks.models.RealField()),
            ("min_ms", checks.models.RealField(null=True)),
            ("max_ms", checks.models.RealField(null=True)),
            ("histogram", models.BinaryField()),
        ],
        options={"db_table": view, "managed": False},
    )


def rollup(name: str, counter: type[models.Field]) -> migrations.CreateModel:  # type: ignore[type-arg]
    counts = ("up", "degraded", "down", "unknown", "maintenance")
    timed = counter(default=0, help_text="results with a response time: up and degraded ones")
    return migrations.CreateModel(
        name=name,
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "monitor_id", "region", "bucket", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            (
                "monitor",
                models.ForeignKey(
                    db_index=False,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="+",
                    to="monitors.monitor",
                ),
            ),
            ("bucket", models.DateTimeField()),
            ("sum_ms", checks.models.RealField(default=0)),
            ("min_ms", checks.models.RealField(null=True)),
            ("max_ms", checks.models.RealField(null=True)),
            *((count, counter(default=0)) for count in counts),
            ("timed", timed),
            ("region", models.CharField(max_length=31)),
            (
                "histogram",
                models.BinaryField(
                    default=b"", help_text="see checks.rules.pack_histogram; empty for no response time"
                ),
            ),
        ],
        options={"abstract": False},
    )


class Migration(migrations.Migration):
    dependencies = [("checks", "0005_split_batches")]

    operations = [
        migrations.RunSQL(
            OLD_AWAY, state_operations=[migrations.DeleteModel("RollupHour"), migrations.DeleteModel("RollupDay")]
        ),
        migrations.RunSQL([BUCKET, PACK, HISTOGRAM, ADD, SUM]),
        rollup("RollupHour", models.SmallIntegerField),
        rollup("RollupDay", models.IntegerField),
        migrations.CreateModel(
            name="RollupMark",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("folded", models.DateTimeField()),
                ("closing", models.DateTimeField()),
                ("after", models.UUIDField(null=True)),
            ],
        ),
        migrations.RunSQL(CARRY_OVER),
        migrations.RunSQL([AGE, HOURS, DAYS]),
        span("Hour", "checks_hours"),
        span("Day", "checks_days"),
    ]
