"""What became of records that were sent just now, awaited and printed; for `publish` and `dlq replay`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer

from schemas.contract import Contract
from streams import topics
from streams.agencies.receipts import Awaited, Refused, wait
from streams.agencies.sending import Landings
from streams.cli.printing import err, harmless
from streams.composition import Platform
from streams.errors import Unreachable
from streams.kafka.tail import Source, Tail, ends_of


class Listening:
    """The receipts of a contract's agency, from the moment this was made on."""

    def __init__(self, platform: Platform, contract: Contract) -> None:
        self._platform = platform
        self._contract = contract
        source: Source = (topics.receipts(contract.agency), 0)
        self._starts = ends_of(platform.bootstrap, [source])

    def wait(self, landings: Landings, timeout_s: float) -> Awaited:
        """Waits for the receipts of records; gives up after a time without news."""
        awaited = Awaited(self._contract.topic, landings)
        with Tail(self._platform.bootstrap, self._starts) as tail, err().status("waiting for receipts") as status:
            wait(
                tail, self._platform.codec, awaited, timeout_s,
                lambda outstanding: status.update(f"waiting for receipts of {outstanding:,} records"),
            )  # fmt: skip
        return awaited


def as_data(awaited: Awaited) -> dict[str, Any]:
    """Outcomes as plain JSON values."""
    return {
        "accepted": awaited.accepted,
        "withheld": awaited.withheld,
        "heartbeats": awaited.heartbeats,
        "rejected": [_refused(one) for one in awaited.refused],
        "reasons": dict(reasons(awaited)),
        "waiting": awaited.outstanding,
    }


def reasons(awaited: Awaited) -> Counter[str]:
    """Rejections by reason."""
    return Counter(one.record.reason for one in awaited.refused)


def show(awaited: Awaited) -> None:
    """Prints each rejection to standard error, the counts to standard output."""
    for one in awaited.refused:
        typer.echo(f"{one.place}: {harmless(one.record.reason)}: {harmless(one.record.detail)}", err=True)
    typer.echo(f"{awaited.accepted:,} accepted, {len(awaited.refused):,} rejected" + _besides(awaited))
    for reason, count in reasons(awaited).most_common():
        typer.echo(f"  {count:,} {harmless(reason)}")


def _besides(awaited: Awaited) -> str:
    parts = []
    if awaited.withheld:
        parts.append(f"{awaited.withheld:,} of the accepted withheld (no purpose may use their type)")
    if awaited.heartbeats:
        parts.append(f"heartbeat taken on {awaited.heartbeats:,} partitions")
    if awaited.outstanding:
        parts.append(f"{awaited.outstanding:,} without a receipt")
    return "".join(f", {part}" for part in parts)


def conclude(awaited: Awaited, agency: str, timeout_s: float) -> None:
    """Ends the command as the outcome asks.

    Raises:
        Unreachable: intake gave no receipt for some records.
        typer.Exit: with 1, when a record was rejected.
    """
    if awaited.outstanding:
        raise Unreachable(
            f"intake gave no receipt for {awaited.outstanding:,} records of {awaited.topic} in {timeout_s:g} s; "
            "they are in Kafka, do not send them again",
            "see that intake runs (`headwater up intake`) and the feed is not held (`headwater pause --list`), then "
            f"`headwater receipts --agency {agency}`",
        )
    if awaited.refused:
        raise typer.Exit(1)


def _refused(one: Refused) -> dict[str, Any]:
    return {
        "file": one.place.file,
        "line": one.place.line,
        "partition": one.partition,
        "offset": one.record.offset,
        "event": one.record.event,
        "reason": one.record.reason,
        "detail": one.record.detail,
    }
