"""The `headwater` command: one module per group of sub-commands, joined here.

Each module offers `app`, a `typer.Typer`, or plain functions registered below. A `UserError`
becomes two plain lines on standard error and its exit code; no traceback reaches a user for bad
input.
"""

from __future__ import annotations

import sys

import typer
from confluent_kafka import KafkaException

from streams.cli import access, aggregates, broker, contracts, dlq, history, identity, person, rules
from streams.cli.annul import annul
from streams.cli.backtest import backtest_command
from streams.cli.demo import demo
from streams.cli.merging import merge_command, split_command
from streams.cli.offers import offers
from streams.cli.pause import pause, resume
from streams.cli.publish import publish
from streams.cli.receipts import receipts
from streams.cli.replay import replay_command
from streams.cli.settings import settings_command
from streams.cli.simulate import simulate
from streams.cli.topics import topics
from streams.cli.up import up
from streams.cli.verify import verify
from streams.cli.why import why_command
from streams.errors import Unreachable, UserError


def _exit_code(code: object) -> None:
    """A command that found problems returns 1."""
    if isinstance(code, int):
        raise typer.Exit(code)


app = typer.Typer(
    name="headwater",
    help="Life events in, one joined-up offer per household out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    result_callback=_exit_code,
)
app.command()(demo)
app.command()(up)
app.add_typer(broker.app, name="broker")
app.command()(simulate)
app.add_typer(contracts.app, name="contracts")
person.app.command("merge")(merge_command)
person.app.command("split")(split_command)
rules.app.command("why")(why_command)
rules.app.command("backtest")(backtest_command)
app.add_typer(rules.app, name="rules")
app.add_typer(history.app, name="history")
app.command()(topics)
app.command()(publish)
app.command()(receipts)
app.add_typer(dlq.app, name="dlq")
app.command()(annul)
app.command()(pause)
app.command()(resume)
app.command()(offers)
app.add_typer(person.app, name="person")
app.add_typer(identity.app, name="identity")
app.add_typer(access.app, name="access")
app.command("replay")(replay_command)
app.add_typer(aggregates.app, name="aggregates")
app.command()(verify)
app.command("settings")(settings_command)


def main() -> None:
    """Runs the command line; the console script `headwater`."""
    try:
        app()
    except UserError as error:
        typer.echo(f"headwater: {error.problem}", err=True)
        typer.echo(f"  remedy: {error.remedy}", err=True)
        sys.exit(error.exit_code)
    except KafkaException as error:
        typer.echo(f"headwater: Kafka refused or did not answer: {error.args[0].str()}", err=True)
        typer.echo("  remedy: see whether it runs (`headwater broker status`) and HEADWATER_KAFKA is right", err=True)
        sys.exit(Unreachable.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
