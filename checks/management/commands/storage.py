"""``manage.py storage``: what the figures take on disk, how they grow, and what would change that."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from checks.services import space, storage
from common.clock import database_now
from common.commands import SpeakingCommand, readable_bytes, whole_number


class Command(SpeakingCommand):
    help = (
        "Show rows (estimated by PostgreSQL), bytes and growth per day. With --monitors, --interval and --days also "
        "what so many monitors would take; with --retention what that retention would drop. Nothing is changed, except "
        "by --tidy, which archives and drops at once what housekeeping would, however long it takes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--monitors", type=whole_number(1, 100_000_000), help="forecast for so many monitors")
        parser.add_argument("--interval", type=whole_number(1, 86_400), default=60, help="seconds (default 60)")
        parser.add_argument("--days", type=whole_number(1, 36_500), default=365, help="from now (default 365)")
        parser.add_argument("--regions", type=whole_number(1, 1_000), help="each; default: the enabled ones")
        parser.add_argument(
            "--retention", type=whole_number(1, 3_650), metavar="DAYS", help="try another RETENTION_DAYS"
        )
        parser.add_argument("--tidy", action="store_true", help="archive and drop now what need not be kept")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        dropped = storage.drop_old(now=now, retention_days=settings.RETENTION_DAYS) if options["tidy"] else None
        told: dict[str, Any] = space.report(now=now)
        if dropped is not None:
            told["dropped"] = dropped
        if options["monitors"]:
            told["forecast"] = self._forecast(options)
        if options["retention"]:
            told["retention"] = asdict(space.retention(retention_days=options["retention"], now=now))
        if options["json"]:
            self.say_json(told)
        else:
            self._say(told)

    def _forecast(self, options: dict[str, Any]) -> dict[str, Any]:
        forecast = space.forecast(
            monitors=options["monitors"],
            interval=options["interval"],
            after_days=options["days"],
            regions=options["regions"],
        )
        if not forecast.regions:
            raise CommandError("No region is enabled: say how many with --regions.")
        return {**asdict(forecast), "total_bytes": forecast.total_bytes}

    def _say(self, told: dict[str, Any]) -> None:
        self._say_parts(told)
        self._say_limits(told)
        if forecast := told.get("forecast"):
            self._say_forecast(forecast)
        if "dropped" in told:
            self.stdout.write(f"\nDropped: {', '.join(told['dropped']) or 'nothing'}.")
        if retention := told.get("retention"):
            self.stdout.write(
                f"\nA retention of {retention['days']} days would drop {retention['partitions']} partitions now: "
                f"about {retention['rows']:,} rows, {readable_bytes(retention['freed_bytes'])}."
            )

    def _say_parts(self, told: dict[str, Any]) -> None:
        self.stdout.write(f"{'':<12}{'rows':>16}{'bytes':>12}{'rows a day':>16}{'bytes a day':>14}")
        for name, size in told["parts"].items():
            added = told["growth_per_day"][name]
            self.stdout.write(
                f"{name:<12}{size['rows']:>16,}{readable_bytes(size['bytes']):>12}"
                f"{added['rows']:>16,}{readable_bytes(added['bytes']):>14}"
            )
        self.stdout.write(f"{'database':<12}{'':>16}{readable_bytes(told['database_bytes']):>12}")

    def _say_limits(self, told: dict[str, Any]) -> None:
        held = told["days"]
        since = f", single results since {held[0]['day']}" if held else ""
        self.stdout.write(
            f"\nSingle results are kept for {told['retention_days']} days, "
            f"{'archived' if told['archive'] else 'not archived'}{since}; "
            f"hours for {told['rollup_hours_months']} months; days for ever."
        )
        if limit := told["limit_bytes"]:
            self.stdout.write(f"Limit: {readable_bytes(limit)}.")
        if early := told["dropped_for_size"]:
            self.stdout.write(
                f"Because of the limit, results up to {early['day']} were dropped early, last at {early['at']}."
            )
        for each in held:
            if each["restored_until"]:
                self.stdout.write(f"{each['day']} was restored and stays until {each['restored_until']}.")

    def _say_forecast(self, told: dict[str, Any]) -> None:
        self.stdout.write(
            f"\n{told['monitors']:,} monitors every {told['interval']} s from {told['regions']} regions, "
            f"after {told['days']} days:\n"
            f"  results  {readable_bytes(told['results_bytes']):>10}  ({told['results_per_day']:,} a day, "
            f"kept for {told['retention_days']} days)\n"
            f"  hours    {readable_bytes(told['hours_bytes']):>10}\n"
            f"  days     {readable_bytes(told['days_bytes']):>10}\n"
            f"  together {readable_bytes(told['total_bytes']):>10}"
        )
