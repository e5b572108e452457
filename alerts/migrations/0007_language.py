from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0006_deliveries"),
    ]

    operations = [
        migrations.AddField(
            model_name="channel",
            name="language",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="of its messages; empty: that of the member who reads it, if any",
                max_length=16,
            ),
        ),
    ]
