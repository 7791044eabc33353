"""`headwater annul`: takes back a wrong event, or all events of a wrong file, through to the offers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from processors.events import derived_id
from schemas.contract import Contract
from schemas.outcomes import Mapped
from schemas.reading import intake_record
from streams.annulling.acting import Annulling, Effects
from streams.annulling.finding import Found, Wanted, find
from streams.cli.printing import err, harmless
from streams.cli.publish import choose
from streams.composition import Platform, wall_ms
from streams.errors import WrongUse
from streams.kafka.log import read_topic
from streams.settings import load

LIFE_EVENT_ID = re.compile("[0-9a-f]{32}")
MOST_IN_ONE_ROLE = 10

BatchOption = Annotated[
    list[str] | None,
    typer.Option("--batch", help="A file or request, as `publish` or the gateway named it; may be repeated."),
]
EventOption = Annotated[str | None, typer.Option("--event", help="An event's id: the agency's own, or the platform's.")]
FeedOption = Annotated[str | None, typer.Option("--feed", help="Only events of this feed; needed with --event.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be annulled.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.0, help="Wait so many seconds for what follows.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for scripts; with --yes or --dry-run.")]


def annul(  # noqa: PLR0913, PLR0917  # one parameter per option
    batch: BatchOption = None,
    event: EventOption = None,
    feed: FeedOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    timeout_s: TimeoutOption = 60.0,
    as_json: AsJson = False,
) -> None:
    """Annuls events that should never have been sent; matches and offers that rest on them are withdrawn.

    Ends with 1 when nothing that stands was found.

    Example: headwater annul --batch 5f0c9a1e77b2d304 --dry-run

    Example: headwater annul --event RA-88121 --feed landlord.rent-accounts
    """
    platform = Platform(load())
    wanted = _wanted(platform, batch or [], event, feed)
    if as_json and not (yes or dry_run):
        raise WrongUse("with --json nobody can be asked", "say --yes or --dry-run as well")
    with err().status("looking") as status:
        found = find(platform.bootstrap, platform.codec, wanted, status.update)
    if not as_json:
        typer.echo("\n".join(_found(found)))
    effects = None
    if found.lines.standing and not dry_run and (yes or typer.confirm(f"Annul {_events(len(found.lines.standing))}?")):
        effects = _annul(platform, found, timeout_s, not as_json)
    if as_json:
        typer.echo(json.dumps(_as_data(found, effects), ensure_ascii=False))
    elif effects is not None:
        typer.echo("\n".join(_followed(effects)))
    if not found.lines.standing:
        raise typer.Exit(1)


def _wanted(platform: Platform, batches: list[str], event: str | None, feed: str | None) -> Wanted:
    """What the user means.

    Raises:
        WrongUse: not exactly one of event and batch is named, an event without its feed, or a feed that is not known.
    """
    if bool(batches) == (event is not None):
        raise WrongUse("name one thing", "give either --batch ID, or --event ID with --feed")
    contract = None if feed is None else choose(platform.deployment.contracts, feed)
    if event is None:
        return Wanted(
            batches=frozenset(batch.encode() for batch in batches), feed=None if contract is None else contract.feed
        )
    if contract is None:
        raise WrongUse("an event's id means something only to its feed", "say --feed as well")
    return Wanted(ids=frozenset(_ids(platform, contract, event)), feed=contract.feed)


def _ids(platform: Platform, contract: Contract, event: str) -> Iterator[str]:
    """Ids of the life events that may have been made of one event of an agency.

    They follow from its id and the persons' roles, and where an agency numbers its persons from the record itself.
    """
    if LIFE_EVENT_ID.fullmatch(event):
        yield event
    roles = {person.role for mapped in contract.mapping.events.values() for person in mapped.persons}
    for parts in {(event,), tuple(event.split("/"))}:
        for role in roles:
            yield derived_id(contract.agency, contract.name, *parts, role)
            for place in range(1, MOST_IN_ONE_ROLE):
                yield derived_id(contract.agency, contract.name, *parts, f"{role}#{place}")
    for message in read_topic(platform.bootstrap, contract.topic):
        headers: Any = message.headers() or []
        if ("ce_id", event.encode()) in headers:
            key: Any = message.key()
            read = intake_record(contract, platform.registry, key, message.value(), headers, wall_ms())
            yield from (each.id for each in (read.events if isinstance(read, Mapped) else ()))


def _annul(platform: Platform, found: Found, timeout_s: float, is_told: bool) -> Effects:
    annulling = Annulling(
        platform.bootstrap, platform.codec, found.lines.standing, wall_ms(), platform.settings.core_partitions
    )
    with err().status("annulling") as status:
        annulling.send(status.update)
        if is_told:
            typer.echo(f"{_events(len(found.lines.standing))} annulled")
        return annulling.follow(timeout_s, status.update)


def _found(found: Found) -> list[str]:
    kinds = Counter((event.feed, event.type) for event in found.lines.standing)
    lines = [
        f"{_events(len(found.lines.standing))} to annul" if found.lines.standing else "nothing that stands was found"
    ]
    lines += [f"  {count:,} {type_} of {feed}" for (feed, type_), count in sorted(kinds.items())]
    left = {
        "annulled before": found.lines.annulled,
        "left as they are: another record corrected them since": found.lines.corrected,
        f"left as they are: a record from elsewhere told them, too (batch {_names(found.elsewhere)})": found.lines.told,
        "correct, end or annul an event from elsewhere; the agency has to say what is right": found.lines.speaking,
    }
    return [*lines, *(f"  besides, {count:,} {what}" for what, count in left.items() if count)]


def _followed(effects: Effects) -> list[str]:
    count, withdrawn = sum(map(len, effects.matches.values())), _counted(len(effects.withdrawn), "offer")
    lines = [f"{_counted(count, 'match', 'matches')} withdrawn"]
    lines += [f"  {len(matches):,} of {rule}" for rule, matches in sorted(effects.matches.items())]
    lines.append(
        f"{withdrawn} withdrawn, {len(effects.changed):,} go on without one of their reasons, "
        f"{effects.dropped:,} of the situations become no offer"
    )
    if not effects.is_complete:
        lines.append("more may follow: not all stages have come so far yet; see that they run, and `headwater offers`")
    return lines


def _as_data(found: Found, effects: Effects | None) -> dict[str, Any]:
    return {
        "events": [{"id": each.id, "type": each.type, "feed": each.feed} for each in found.lines.standing],
        "annulled_before": found.lines.annulled,
        "corrected_since": found.lines.corrected,
        "elsewhere": sorted(found.elsewhere),
        "told_elsewhere": found.lines.told,
        "speaking_of_others": found.lines.speaking,
        "annulled": 0 if effects is None else len(found.lines.standing),
        "matches": {} if effects is None else effects.matches,
        "offers_withdrawn": [] if effects is None else effects.withdrawn,
        "offers_changed": [] if effects is None else effects.changed,
        "situations_dropped": 0 if effects is None else effects.dropped,
        "complete": effects is not None and effects.is_complete,
    }


def _names(batches: Iterable[str]) -> str:
    return harmless(", ".join(sorted(batches)))


def _events(count: int) -> str:
    return _counted(count, "event")


def _counted(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"
