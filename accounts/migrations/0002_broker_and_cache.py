"""The tables of an installation without Redis; with Redis they stay empty, and changing over needs no migration.

They belong to no app; they stand here because every app stands on this one.

Messages and cache are unlogged: they are the record of nothing, and a crash of PostgreSQL empties them. kombu's two
tables have the names and columns that kombu gives them, but no foreign key (its lock would be logged, so that each
message waited for the disk), and numbers that begin anew before they leave the integers.
"""

from django.db import migrations

QUEUE = """
CREATE SEQUENCE queue_id_sequence AS integer;
CREATE TABLE kombu_queue (id integer PRIMARY KEY, name varchar(200) NOT NULL UNIQUE);
"""

# Rows live for milliseconds, so the table is vacuumed by count and not by a share of its size.
MESSAGE = """
CREATE SEQUENCE message_id_sequence AS integer CYCLE;
CREATE UNLOGGED TABLE kombu_message (
    id integer PRIMARY KEY,
    visible boolean,
    timestamp timestamp,
    payload text NOT NULL,
    version smallint NOT NULL,
    queue_id integer
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX kombu_message_queue ON kombu_message (queue_id, id);
"""

CACHE = """
CREATE UNLOGGED TABLE uptime_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX uptime_cache_expires ON uptime_cache (expires);
"""

UNDO = "DROP TABLE kombu_message, kombu_queue, uptime_cache; DROP SEQUENCE message_id_sequence, queue_id_sequence;"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(QUEUE + MESSAGE + CACHE, UNDO)]
