"""The tables that hold raw results, partitioned by UTC day, and the SQL that folds latency into histograms.

Wide columns stand first, so that a row has no padding: about 100 bytes, and 45 for its key.
Partitions are made by checks.services.storage when they are needed and a week ahead.
"""

from django.db import migrations

RESULTS = """
CREATE TABLE checks_checkresult (
    slot timestamptz NOT NULL,
    checked_at timestamptz NOT NULL,
    monitor_id uuid NOT NULL,
    dns_ms real,
    connect_ms real,
    tls_ms real,
    first_byte_ms real,
    download_ms real,
    total_ms real,
    body_bytes integer,
    slots smallint NOT NULL DEFAULT 1,
    attempts smallint NOT NULL DEFAULT 1,
    http_status smallint,
    region text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('up', 'degraded', 'down', 'unknown')),
    reason text,
    remote_ip inet,
    message text NOT NULL DEFAULT '',
    PRIMARY KEY (monitor_id, region, slot)
) PARTITION BY RANGE (slot)
"""

EVIDENCE = """
CREATE TABLE checks_checkevidence (
    slot timestamptz NOT NULL,
    monitor_id uuid NOT NULL,
    region text NOT NULL,
    seen jsonb NOT NULL,
    PRIMARY KEY (monitor_id, region, slot)
) PARTITION BY RANGE (slot)
"""

BUCKET = """
CREATE FUNCTION latency_bucket(ms double precision) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN ms <= 1 THEN 1
        ELSE least(88, 1 + ceil(round((ln(ms) / ln(1.15))::numeric, 9))::integer) END
$$
"""

HISTOGRAM = """
CREATE FUNCTION latency_histogram(latencies double precision[]) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    histogram integer[] := '{}';
    latency double precision;
    bucket integer;
BEGIN
    FOREACH latency IN ARRAY latencies LOOP
        CONTINUE WHEN latency IS NULL;
        bucket := latency_bucket(latency);
        -- The array begins at 1 and holds nulls for empty buckets, which cost a bit each.
        IF histogram = '{}' THEN
            histogram[1] := NULL;
        END IF;
        histogram[bucket] := coalesce(histogram[bucket], 0) + 1;
    END LOOP;
    RETURN histogram;
END
$$
"""

ADD = """
CREATE FUNCTION add_histograms(kept integer[], added integer[]) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF kept = '{}' OR added = '{}' THEN
        RETURN CASE WHEN kept = '{}' THEN added ELSE kept END;
    END IF;
    FOR bucket IN 1 .. array_upper(added, 1) LOOP
        IF added[bucket] IS NOT NULL THEN
            kept[bucket] := coalesce(kept[bucket], 0) + added[bucket];
        END IF;
    END LOOP;
    RETURN kept;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("checks", "0001_initial"), ("incidents", "0001_initial")]

    operations = [
        migrations.RunSQL(RESULTS, "DROP TABLE checks_checkresult"),
        migrations.RunSQL(EVIDENCE, "DROP TABLE checks_checkevidence"),
        migrations.RunSQL(BUCKET, "DROP FUNCTION latency_bucket"),
        migrations.RunSQL(HISTOGRAM, "DROP FUNCTION latency_histogram"),
        migrations.RunSQL(ADD, "DROP FUNCTION add_histograms"),
        # Rows that every result rewrites: room on the page keeps the rewriting cheap (HOT updates).
        migrations.RunSQL(
            """
            ALTER TABLE checks_monitorstats SET (fillfactor = 70);
            ALTER TABLE checks_rolluphour SET (fillfactor = 80);
            ALTER TABLE incidents_regionstate SET (fillfactor = 70);
            """,
            migrations.RunSQL.noop,
        ),
    ]
