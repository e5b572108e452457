from django.db import migrations

# TRUNCATE asks no row. Only `flush --everything` (and a test's tidying up, which is the same command) says the word.
NEVER_EMPTIED = """
CREATE FUNCTION accounts_audit_never_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('uptime.delete_all_data', true) = 'yes' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_never_emptied();
"""

UNDO = """
DROP TRIGGER never_emptied ON accounts_auditentry;
DROP FUNCTION accounts_audit_never_emptied();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_identity"),
    ]

    operations = [migrations.RunSQL(NEVER_EMPTIED, UNDO)]
