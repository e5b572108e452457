from django.db import migrations

# What the old constraint held holds under the new one as well, so that nothing needs to be read to know it.
RELAX = """
ALTER TABLE checks_checkresult DROP CONSTRAINT checks_checkresult_outcome_check;
ALTER TABLE checks_checkresult ADD CONSTRAINT checks_checkresult_outcome_check
    CHECK (outcome IN ('up', 'degraded', 'down', 'unknown', 'maintenance')) NOT VALID;
"""


class Migration(migrations.Migration):
    dependencies = [("checks", "0007_troubles")]
    operations = [migrations.RunSQL(RELAX, migrations.RunSQL.noop)]
