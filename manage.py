#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "uptime.settings")
    from django.core.management import execute_from_command_line
    from django.db import InterfaceError, OperationalError, ProgrammingError

    try:
        execute_from_command_line(sys.argv)
    except BrokenPipeError:
        if somebody_reads():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (InterfaceError, OperationalError, ProgrammingError) as error:
        if "--traceback" in sys.argv or not (said := sentence(error)):
            raise
        sys.exit(said)


def somebody_reads() -> bool:
    """Not any more where the output goes to ``head``, say."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return False
    return True


def sentence(error: Exception) -> str:
    """What an operator can do something about; empty where a statement of ours must be wrong."""
    from django.db import ProgrammingError

    first_line = str(error).partition("\n")[0]
    if not isinstance(error, ProgrammingError):
        return f"The database does not answer, or refuses: {first_line}"
    if type(error.__cause__).__name__ in {"UndefinedTable", "UndefinedColumn"}:
        return f"The tables are not those of this version ({first_line}): run manage.py migrate."
    return ""


if __name__ == "__main__":
    main()
