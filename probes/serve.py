"""``celery worker`` and ``celery beat``, by the same arguments, without Celery's other commands.

``python -m probes.serve -A uptime worker -Q central,results`` is ``celery -A uptime worker -Q central,results`` in 8 MB
less: of what the others load (a shell with history and colours, for one) nothing is used by a process that serves.
"""

from __future__ import annotations

import click

from probes.absent import without

with without("yaml"):  # kombu would learn a format that none of our messages has
    from celery.app.utils import find_app
    from celery.bin.base import CLIContext
    from celery.bin.beat import beat
    from celery.bin.worker import worker


@click.group()
@click.option("-A", "--app", required=True, help="uptime, or probes.worker")
@click.option("-q", "--quiet", is_flag=True)
@click.pass_context
def serve(context: click.Context, app: str, quiet: bool) -> None:
    context.obj = CLIContext(app=find_app(app), no_color=False, workdir=None, quiet=quiet)


serve.add_command(worker)
serve.add_command(beat)

if __name__ == "__main__":
    serve(auto_envvar_prefix="CELERY")
