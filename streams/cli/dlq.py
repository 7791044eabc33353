"""`headwater dlq`: dead letters by topic and reason; one in full; after a fix, back in.

Shows what is wrong with a record without showing the record: sizes, schema and names of fields, no value.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.agencies.dead_letter_box import (
    CONTEXT,
    REPLAYED_FROM,
    Box,
    DeadLetter,
    Sorted,
    boxes,
    put_back,
    read_letters,
    sort,
)
from streams.agencies.outline import Outline, outline
from streams.agencies.receipts import Awaited
from streams.agencies.sending import TrackingPublisher
from streams.cli import outcome
from streams.cli.printing import harmless, out, table
from streams.composition import Platform
from streams.errors import UserError, WrongUse
from streams.instants import rfc3339
from streams.settings import load

app = typer.Typer(help="Dead letters: what could not be taken, why, and back in after a fix.", no_args_is_help=True)

SHOWN_HEADERS = frozenset(
    {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type", "traceparent", REPLAYED_FROM}
)
"""Headers that hold nothing about a person; of others only the size is shown."""

TopicArgument = Annotated[str, typer.Argument(help="A dead-letter topic, the topic its records came from, or a feed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Lists dead letters by topic and reason, with counts.

    Example: headwater dlq list
    """
    platform = Platform(load())
    rows = grouped(read_letters(platform.bootstrap, boxes(platform.topics)))
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
    elif rows:
        headings = ["topic", "reason", "count", "offsets", "latest"]
        out().print(table(headings, [[_cell(row, name) for name in headings] for row in rows]))
    else:
        typer.echo("no dead letters")


def grouped(letters: Iterable[DeadLetter]) -> list[dict[str, Any]]:
    """Counts by topic and reason, with first and last offset; the same for people and scripts."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in letters:
        empty = {"topic": one.box.topic, "source": one.box.source, "stage": one.box.stage, "reason": one.reason,
                 "count": 0, "first_offset": one.offset, "last_offset": one.offset, "latest": None}  # fmt: skip
        row = rows.setdefault((one.box.topic, one.reason), empty)
        row["count"] += 1
        row["last_offset"] = one.offset
        row["latest"] = max(row["latest"] or "", rfc3339(one.at) or "") or None
    return [rows[key] for key in sorted(rows)]


def _cell(row: dict[str, Any], name: str) -> object:
    if name == "offsets":
        return f"{row['first_offset']} to {row['last_offset']}" if row["count"] > 1 else str(row["first_offset"])
    return harmless(row[name]) if isinstance(row[name], str) else row[name] or ("-" if row[name] is None else 0)


@app.command()
def show(
    topic: TopicArgument,
    offset: Annotated[int, typer.Argument(min=0, help="Offset in the dead-letter topic.")],
    bytes_to: Annotated[
        Path | None, typer.Option("--bytes", help="Write the value as received to this new file: personal data!")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Shows one dead letter: reason, headers, sizes, schema and names of fields, but no value.

    Example: headwater dlq show court.eviction-proceedings 3 --bytes letter.bin
    """
    platform = Platform(load())
    box = choose(platform, topic)
    (letter,) = _chosen(list(read_letters(platform.bootstrap, [box])), offset, None, box)
    if bytes_to is not None:
        _write(letter, bytes_to)
    fields = described(letter, platform)
    if as_json:
        typer.echo(json.dumps(fields, ensure_ascii=False))
    else:
        _print(fields)


def choose(platform: Platform, named: str) -> Box:
    """The dead-letter topic a user means.

    Raises:
        WrongUse: there is none; says where to find their names.
    """
    contract = platform.deployment.contracts.get(named.replace("/", "."))
    source = named if contract is None else contract.topic
    for box in boxes(platform.topics):
        if source in (box.topic, box.source):
            return box
    raise WrongUse(f"there is no dead-letter topic `{named}`", "name one that `headwater dlq list` prints, or a feed")


def described(letter: DeadLetter, platform: Platform) -> dict[str, Any]:
    """A letter without any value of the record it holds."""
    source = letter.source
    is_replayed = bool(sort(platform.bootstrap, [letter]).replayed)
    return {
        "topic": letter.box.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "at": rfc3339(letter.at),
        "stage": letter.box.stage,
        "reason": letter.reason,
        "detail": letter.detail,
        "source": None if source is None else {"topic": source[0][0], "partition": source[0][1], "offset": source[1]},
        "replayed": is_replayed,
        "replayed_from": letter.replayed_from,
        "headers": {name: _header(name, value) for name, value in letter.headers},
        "key_bytes": None if letter.key is None else len(letter.key),
        "value_bytes": None if letter.value is None else len(letter.value),
        **_outline(outline(platform.registry, letter.value)),
    }


def _header(name: str, value: bytes | None) -> str | None:
    if value is None:
        return None
    if name in SHOWN_HEADERS or name.startswith(CONTEXT):
        return value.decode(errors="replace")
    return f"({len(value)} bytes, not shown)"


def _outline(found: Outline) -> dict[str, Any]:
    return {
        "schema_id": found.schema_id,
        "schema": found.schema,
        "decoding": found.decoding,
        "fields": [{"path": path, "holds": holds} for path, holds in found.fields],
    }


def _print(fields: dict[str, Any]) -> None:
    source = fields["source"]
    origin = "not known" if source is None else f"{source['topic']}/{source['partition']}/{source['offset']}"
    facts = {
        "dead letter": f"{fields['topic']}/{fields['partition']}/{fields['offset']}",
        "put there": fields["at"] or "-",
        "reason": fields["reason"],
        "detail": fields["detail"] or "-",
        "came from": origin,
        "replayed": "yes" if fields["replayed"] else "no",
        "key": _size(fields["key_bytes"]),
        "value": _size(fields["value_bytes"]),
        "schema id": "-" if fields["schema_id"] is None else str(fields["schema_id"]),
        "schema": fields["schema"] or "not known",
        "decoding": fields["decoding"],
    }
    for name, fact in facts.items():
        typer.echo(f"{name + ':':<13}{harmless(fact)}")
    typer.echo("headers:")
    for name, value in fields["headers"].items():
        typer.echo(f"  {harmless(name)}: {'null' if value is None else harmless(value)}")
    if fields["fields"]:
        typer.echo("fields (values are not shown):")
        for one in fields["fields"]:
            typer.echo(f"  {one['path']}: {one['holds']}")


def _size(count: int | None) -> str:
    return "null" if count is None else f"{count:,} bytes"


def _write(letter: DeadLetter, path: Path) -> None:
    """Writes the value to a new file only its owner can read."""
    if letter.value is None:
        raise UserError(f"{letter.token} has no value", "leave --bytes out")
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            target.write(letter.value)
    except FileExistsError:
        raise WrongUse(f"{path} exists", "name a new file") from None
    except OSError as error:
        raise WrongUse(f"{path} cannot be written: {error.strerror}", "name a file you may write to") from None
    typer.echo(f"{len(letter.value):,} bytes written to {path}; they may hold personal data", err=True)


@app.command()
def replay(  # noqa: PLR0913, PLR0917  # one parameter per option
    topic: TopicArgument,
    offset: Annotated[int | None, typer.Option("--offset", min=0, help="Only the letter at this offset.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only letters with this reason.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Also what was put back before.")] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=0.0, help="Give up after so many seconds without a receipt.")
    ] = 60.0,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for intake's receipts.")] = False,
    as_json: AsJson = False,
) -> None:
    """Puts dead letters back where they came from, as they were; then tells what intake makes of them.

    What was put back before is left out, unless --again. Ends with 1 when a record is rejected again.

    Example: headwater dlq replay court.eviction-proceedings --reason unknown-type
    """
    platform = Platform(load())
    box = choose(platform, topic)
    letters = _chosen(list(read_letters(platform.bootstrap, [box])), offset, reason, box)
    found = sort(platform.bootstrap, letters)
    going = [*found.fresh, *(found.replayed if again else ())]
    going.sort(key=lambda letter: letter.offset)
    if letters and not going:
        raise _refusal(found)
    contract = next((one for one in platform.deployment.contracts.values() if one.topic == box.source), None)
    listening = None if contract is None or no_wait or not going else outcome.Listening(platform, contract)
    publisher = TrackingPublisher(platform.bootstrap, platform.registry, platform.settings.event_partitions)
    count = put_back(publisher, going)
    if not as_json:
        _show_replay(box, count, found, again=again)
    awaited = None if listening is None else listening.wait(publisher.landings, timeout_s)
    if as_json:
        typer.echo(json.dumps(_replayed(box, count, found, awaited, again=again), ensure_ascii=False))
    elif awaited is not None:
        outcome.show(awaited)
    if awaited is not None and contract is not None:
        outcome.conclude(awaited, contract.agency, timeout_s)


def _chosen(letters: list[DeadLetter], offset: int | None, reason: str | None, box: Box) -> list[DeadLetter]:
    """The letters a user asks for.

    Raises:
        WrongUse: there is none at the offset, or none with the reason.
    """
    found = [
        one for one in letters if (offset is None or one.offset == offset) and (reason is None or one.reason == reason)
    ]
    if found or (offset is None and reason is None):
        return found
    if offset is not None and not any(one.offset == offset for one in letters):
        there = f"offsets are {letters[0].offset} to {letters[-1].offset}" if letters else "it is empty"
        raise WrongUse(f"{box.topic} has no letter at offset {offset}; {there}", "see `headwater dlq list`")
    reasons = ", ".join(sorted({harmless(one.reason) for one in letters})) or "none"
    raise WrongUse(f"{box.topic} has no such letter with the reason `{reason}`", f"reasons there are: {reasons}")


def _refusal(found: Sorted) -> UserError:
    if found.replayed:
        first = found.replayed[0].token
        more = f" (and {len(found.replayed) - 1:,} more)" if len(found.replayed) > 1 else ""
        return UserError(f"{first}{more} was put back before", "say --again to put it back once more")
    return UserError(
        f"{found.lost[0].token} does not say which partition it came from", "publish the record anew at its source"
    )


def _left(found: Sorted, *, again: bool) -> int:
    return 0 if again else len(found.replayed)


def _show_replay(box: Box, count: int, found: Sorted, *, again: bool) -> None:
    typer.echo(f"{count:,} put back into {box.source}")
    if _left(found, again=again):
        typer.echo(f"  {len(found.replayed):,} left out: put back before (--again puts them back once more)")
    if found.lost:
        typer.echo(f"  {len(found.lost):,} left out: they do not say which partition they came from")


def _replayed(box: Box, count: int, found: Sorted, awaited: Awaited | None, *, again: bool) -> dict[str, Any]:
    return {
        "topic": box.topic,
        "source": box.source,
        "replayed": count,
        "before": _left(found, again=again),
        "lost": len(found.lost),
        **({} if awaited is None else outcome.as_data(awaited)),
    }
