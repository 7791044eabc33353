"""`headwater publish`: an agency's records from files to Kafka, and what intake said of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from processors.civil_time import parse_instant
from schemas.avro import Broken, UnfitRecord, decode_datum
from schemas.contract import Contract
from schemas.files import Entry, read_entries
from schemas.outcomes import Heartbeat, Rejection, RejectionReason
from schemas.reading import MOST_BYTES, TOO_LARGE
from streams import topics
from streams.agencies.batches import batch_id, content_of
from streams.agencies.receipts import Awaited
from streams.agencies.sending import HEARTBEAT, Place, TrackingPublisher
from streams.cli import outcome
from streams.cli.printing import err
from streams.composition import Platform, wall_ms
from streams.errors import WrongUse
from streams.settings import load

ContractArgument = Annotated[
    str, typer.Argument(help="A feed (`court.eviction-proceedings`); with --agency the contract's name alone.")
]
FilesArgument = Annotated[list[Path] | None, typer.Argument(help="JSON lines, Avro containers or CSV.")]
AgencyOption = Annotated[str | None, typer.Option("--agency", help="Whose contract it is.")]
HeartbeatOption = Annotated[
    bool, typer.Option("--heartbeat", help='Say "nothing new up to now", after the records if there are any.')
]
UpToOption = Annotated[
    str | None, typer.Option("--up-to", help="With --heartbeat: another time than now, RFC 3339 or a date.")
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0.0, help="Give up after so many seconds without a receipt.")
]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Do not wait for intake's receipts.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for scripts.")]


@dataclass(frozen=True, slots=True)
class Unfit:
    """A record that was not sent, and why."""

    place: Place
    rejection: Rejection


def publish(  # noqa: PLR0913, PLR0917  # one parameter per option
    contract: ContractArgument,
    files: FilesArgument = None,
    agency: AgencyOption = None,
    heartbeat: HeartbeatOption = False,
    up_to: UpToOption = None,
    timeout_s: TimeoutOption = 60.0,
    no_wait: NoWaitOption = False,
    as_json: AsJson = False,
) -> None:
    """Publishes records to Kafka and tells from intake's receipts what was accepted and what not.

    What does not fit the schema is not sent and goes to standard error as `file:line: reason: detail`,
    and so does what intake rejects. Ends with 1 when a record was unfit or rejected.

    Example: headwater publish court.eviction-proceedings docket.jsonl

    Example: headwater publish eviction-proceedings --agency court --heartbeat
    """
    files = files or []
    _check_use(files, heartbeat, up_to)
    platform = Platform(load())
    chosen = choose(platform.deployment.contracts, contract, agency)
    beat = Heartbeat(_moment(up_to, platform)) if heartbeat else None
    _ensure(platform, chosen)
    listening = outcome.Listening(platform, chosen)
    batch = _batch(files)
    publisher = TrackingPublisher(platform.bootstrap, platform.registry, platform.settings.event_partitions, batch)
    unfit = _send(publisher, chosen, files, beat)
    sent = publisher.landings.records
    if not as_json:
        _show_sent(chosen, sent, unfit, batch)
    awaited = None if no_wait else listening.wait(publisher.landings, timeout_s)
    if as_json:
        typer.echo(json.dumps(_as_data(chosen, sent, unfit, awaited) | {"batch": batch}, ensure_ascii=False))
    elif awaited is not None:
        outcome.show(awaited)
    if awaited is not None:
        outcome.conclude(awaited, chosen.agency, timeout_s)
    if unfit:
        raise typer.Exit(1)


def choose(contracts: Mapping[str, Contract], named: str, agency: str | None = None) -> Contract:
    """The contract a user means.

    Args:
        contracts: by feed.
        named: a feed, also written with `/`, or a contract's name.
        agency: whose it is; needed only where two agencies have a contract of that name.

    Raises:
        WrongUse: there is none, or more than one.
    """
    feed = named.replace("/", ".")
    found = [
        one for one in contracts.values() if feed in (one.feed, one.name) and (agency is None or one.agency == agency)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise WrongUse(f"several agencies have a contract `{named}`", "name one of them with --agency")
    whose = f" of `{agency}`" if agency else ""
    raise WrongUse(f"there is no contract `{named}`{whose}", f"name one of: {', '.join(contracts)}")


def record_of(entry: Entry, contract: Contract) -> Mapping[str, Any] | Rejection:
    """An entry of a file as a record to publish, or why it is none."""
    if isinstance(entry.datum, Rejection):
        return entry.datum
    if len(entry.datum) > MOST_BYTES:
        return TOO_LARGE
    record = decode_datum(entry.datum, contract.schema, contract.schema)
    if isinstance(record, Broken):
        return Rejection(RejectionReason.NOT_AVRO, f"no datum of `{contract.schema.name}` ({record})")
    return record


def _check_use(files: list[Path], heartbeat: bool, up_to: str | None) -> None:
    if not files and not heartbeat:
        raise WrongUse("there is nothing to publish", "name files of records, or say --heartbeat")
    if up_to is not None and not heartbeat:
        raise WrongUse("--up-to goes with --heartbeat only", "say --heartbeat as well, or leave --up-to out")
    for file in files:
        if not file.is_file():
            raise WrongUse(f"{file} is no file", "name a file of records")


def _batch(files: list[Path]) -> str:
    try:
        return batch_id(content_of(files))
    except OSError as error:
        raise _unreadable(error.filename, error) from None


def _unreadable(file: object, error: OSError) -> WrongUse:
    return WrongUse(f"{file} cannot be read ({type(error).__name__})", "name a file of records")


def _moment(up_to: str | None, platform: Platform) -> int:
    if up_to is None:
        return wall_ms()
    moment = parse_instant(up_to, platform.calendar)
    if moment is None:
        raise WrongUse(f"`--up-to {up_to}` is no time", "write 2026-12-31 or 2026-12-31T12:00:00Z")
    return moment


def _ensure(platform: Platform, contract: Contract) -> None:
    needed = {contract.topic, topics.receipts(contract.agency)}
    topics.ensure(platform.bootstrap, [one for one in platform.topics if one.name in needed], platform.settings)


def _send(publisher: TrackingPublisher, contract: Contract, files: list[Path], beat: Heartbeat | None) -> list[Unfit]:
    """Sends what is fit, then the heartbeat; waits for Kafka's word on all of it."""
    unfit: list[Unfit] = []
    with err().status("publishing") as status:
        for number, (place, entry) in enumerate(_entries(files, contract), start=1):
            rejection = _send_one(publisher, contract, place, record_of(entry, contract))
            if rejection is not None:
                unfit.append(Unfit(place, rejection))
            if number % 1000 == 0:
                status.update(f"publishing: {number:,} records")
        if beat is not None:
            publisher.place = HEARTBEAT
            publisher.publish(contract, [beat])
        publisher.flush()
    return unfit


def _send_one(
    publisher: TrackingPublisher, contract: Contract, place: Place, record: Mapping[str, Any] | Rejection
) -> Rejection | None:
    if isinstance(record, Rejection):
        return record
    publisher.place = place
    try:
        publisher.publish(contract, [record])
    except UnfitRecord as error:
        return Rejection(RejectionReason.NOT_AVRO, str(error))
    return None


def _entries(files: list[Path], contract: Contract) -> Iterator[tuple[Place, Entry]]:
    for file in files:
        try:
            entries = read_entries(file, contract.schema)
        except OSError as error:
            raise _unreadable(file, error) from None
        for entry in entries:
            yield Place(str(file), entry.place), entry


def _show_sent(contract: Contract, sent: int, unfit: list[Unfit], batch: str) -> None:
    for one in unfit:
        typer.echo(f"{one.place}: {one.rejection.reason}: {one.rejection.detail}", err=True)
    besides = f", {len(unfit):,} unfit and not sent" if unfit else ""
    typer.echo(f"{sent:,} published to {contract.topic}{besides}" + (f"; batch {batch}" if sent else ""))


def _as_data(contract: Contract, sent: int, unfit: list[Unfit], awaited: Awaited | None) -> dict[str, Any]:
    """The outcome as plain JSON values; without receipts only what was sent."""
    return {
        "feed": contract.feed,
        "topic": contract.topic,
        "published": sent,
        "unfit": [
            {
                "file": one.place.file,
                "line": one.place.line,
                "reason": one.rejection.reason.value,
                "detail": one.rejection.detail,
            }
            for one in unfit
        ],
        **({} if awaited is None else outcome.as_data(awaited)),
    }
