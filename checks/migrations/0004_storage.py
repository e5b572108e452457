"""What keeping and recounting figures needs: an aggregate over histograms, and hours by age."""

from django.db import migrations

SUM = """
CREATE AGGREGATE sum_histograms(integer[]) (
    SFUNC = add_histograms, STYPE = integer[], COMBINEFUNC = add_histograms, INITCOND = '{}', PARALLEL = SAFE
)
"""

# Hours come in the order of time, so a few pages of summaries say where the old ones lie. Rewriting a row leaves such
# an index alone, unlike an ordinary one.
AGE = "CREATE INDEX checks_hours_by_age ON checks_rolluphour USING brin (bucket) WITH (autosummarize = on)"


class Migration(migrations.Migration):
    dependencies = [("checks", "0003_ticks_are_read")]

    operations = [
        migrations.RunSQL(SUM, "DROP AGGREGATE sum_histograms(integer[])"),
        migrations.RunSQL(AGE, "DROP INDEX checks_hours_by_age"),
    ]
