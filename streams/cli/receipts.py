"""`headwater receipts`: what intake made of an agency's records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from schemas.receipts import Receipt
from streams import topics
from streams.agencies.receipts import Range, Summary, as_data, counts_of, receipts_in, summed
from streams.cli.printing import harmless, out, table
from streams.composition import Platform
from streams.errors import WrongUse
from streams.instants import rfc3339
from streams.kafka.tail import Source, Tail, place_of, read_on, sources_of
from streams.settings import load

COUNTS = ("processed", "withheld", "rejected", "heartbeats", "events")
MOST_RANGES = 6

AgencyOption = Annotated[str | None, typer.Option("--agency", help="Only receipts of this agency.")]
FollowOption = Annotated[bool, typer.Option("--follow", help="Go on with new receipts until Ctrl-C.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line for each receipt.")]


def receipts(agency: AgencyOption = None, follow: FollowOption = False, as_json: AsJson = False) -> None:
    """Shows what was accepted (ranges of offsets), rejected and why, withheld; and heartbeats.

    Example: headwater receipts --agency court --follow
    """
    platform = Platform(load())
    sources = sources_of(platform.bootstrap, map(topics.receipts, _agencies(platform, agency)))
    if follow:
        _follow(platform, sources, as_json=as_json)
        return
    found = receipts_in(read_on(platform.bootstrap, dict.fromkeys(sources, 0)), platform.codec)
    if as_json:
        for receipt in found:
            typer.echo(json.dumps(as_data(receipt), ensure_ascii=False))
    else:
        show(summed(found))


def _agencies(platform: Platform, named: str | None) -> list[str]:
    agencies = sorted({contract.agency for contract in platform.deployment.contracts.values()})
    if named is None:
        return agencies
    if named not in agencies:
        raise WrongUse(f"there is no agency `{named}`", f"name one of: {', '.join(agencies)}")
    return [named]


def _follow(platform: Platform, sources: list[Source], *, as_json: bool) -> None:
    """Old receipts, summed up unless as JSON, then each new one as it comes."""
    starts = dict.fromkeys(sources, 0)
    if not as_json:
        show(summed(receipts_in(_noting(read_on(platform.bootstrap, starts), starts), platform.codec)))
    with Tail(platform.bootstrap, starts) as tail:
        try:
            while True:
                for receipt in receipts_in(tail.poll(), platform.codec):
                    for line in [json.dumps(as_data(receipt), ensure_ascii=False)] if as_json else lines(receipt):
                        typer.echo(line)
        except KeyboardInterrupt:
            return


def _noting(messages: Iterable[Any], starts: dict[Source, int]) -> Iterator[Any]:
    """The same messages; `starts` moves behind each."""
    for message in messages:
        source, offset = place_of(message)
        starts[source] = offset + 1
        yield message


def lines(receipt: Receipt) -> list[str]:
    """A receipt in plain lines: the run, then each rejection."""
    counts = ", ".join(f"{count:,} {name}" for name, count in counts_of(receipt).items() if count)
    run = f"{receipt.topic}/{receipt.partition} {receipt.first_offset}-{receipt.last_offset}"
    return [
        f"{rfc3339(receipt.at)} {run}: {counts or 'nothing'}",
        *(
            f"  {receipt.topic}/{receipt.partition}/{one.offset}: {_why(one.reason, one.detail)}"
            for one in receipt.rejected
        ),
    ]


def show(found: list[Summary]) -> None:
    """Prints receipts by topic and partition, then each rejection."""
    if not found:
        typer.echo("no receipts")
        return
    headings = ["topic/partition", *COUNTS, "accepted offsets", "latest"]
    rows = [
        [
            f"{one.topic}/{one.partition}",
            *(one.counts[name] for name in COUNTS),
            in_words(one.accepted),
            rfc3339(one.at),
        ]
        for one in found
    ]
    out().print(table(headings, rows))
    for one in found:
        for rejected in one.rejected:
            typer.echo(f"{one.topic}/{one.partition}/{rejected.offset}: {_why(rejected.reason, rejected.detail)}")


def in_words(ranges: list[Range]) -> str:
    """Ranges of offsets, the newest of them when there are many.

    >>> in_words([(0, 41), (43, 43)])
    '0-41, 43'
    """
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in ranges[-MOST_RANGES:]]
    more = len(ranges) - len(shown)
    return ", ".join([*([f"{more} more"] if more else []), *shown]) or "none"


def _why(reason: str, detail: str) -> str:
    return f"{harmless(reason)}: {harmless(detail)}"
