from django.db import migrations


class Migration(migrations.Migration):
    """Until now an incident was resolved by the recovery alone."""

    dependencies = [
        ("incidents", "0004_handling"),
    ]

    operations = [
        migrations.RunSQL(
            "UPDATE incidents_incident SET recovered_at = resolved_at WHERE resolved_at IS NOT NULL",
            migrations.RunSQL.noop,
        ),
    ]
