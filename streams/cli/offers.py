"""`headwater offers`: what is offered to which household, most urgent first, and why.

Reads the case database only: pseudonyms, never an identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from processors.decisions import BoundEvent
from processors.offers.model import OfferedSituation, OfferState, Reason, Urgency
from schemas.deployment import Deployment
from sinks.case_db import CaseOffer, CaseStore, CaseStoreUnavailable, CaseSuppressed, Counts, connect
from streams.composition import Platform, case_db_url
from streams.errors import Unreachable
from streams.settings import load as load_settings

_SHORT = 8
_WHY_NOT = {
    Reason.OPTED_OUT: "the person wants no proactive contact",
    Reason.COOL_DOWN: "the household had an offer shortly before",
    Reason.CONTACT_CAP: "the household had as many offers as the contact cap allows",
    Reason.RETRACTED: "it turned out not to hold before anybody was told",
    Reason.ALREADY_HELPED: "somebody is helping the household already",
}
_STYLES = {Urgency.HIGH: "bold red", Urgency.NORMAL: "yellow", Urgency.LOW: "green"}


@dataclass(frozen=True, slots=True)
class OfferList:
    """Some offers, most urgent first, and counts over all of them."""

    offers: tuple[CaseOffer, ...]
    counts: Counts
    suppressed: tuple[CaseSuppressed, ...] = ()


@dataclass(frozen=True, slots=True)
class Wording:
    """How a place speaks: its zone, and titles by id of services and teams (ids where there is none)."""

    zone: tzinfo
    services: Mapping[str, str]
    teams: Mapping[str, str]


StateOption = Annotated[
    OfferState, typer.Option(help="Offers in this state; `suppressed`: situations that joined none, and why.")
]
AreaOption = Annotated[str | None, typer.Option(help="Only this planning area.")]
TeamOption = Annotated[str | None, typer.Option(help="Only offers this team leads.")]
LimitOption = Annotated[int, typer.Option(min=1, help="At most so many, the most urgent ones.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON; times are RFC 3339 in UTC.")]


def offers(
    state: StateOption = OfferState.OPEN,
    area: AreaOption = None,
    team: TeamOption = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Lists offers, most urgent first, each with what it rests on.

    Example: headwater offers --team housing-prevention --limit 5
    """
    platform = Platform(load_settings())
    found = read_offers(case_db_url(platform.settings), state, area, team, limit)
    if as_json:
        typer.echo(orjson.dumps(as_data(found), option=orjson.OPT_INDENT_2).decode())
        return
    show(Console(highlight=False), found, wording_of(platform.deployment))


def wording_of(place: Deployment) -> Wording:
    """How a deployment speaks, in its first language."""
    language = place.languages[0]
    return Wording(
        zone=place.zone,
        services={key: service.title.get(language, key) for key, service in place.services.items()},
        teams={key: team.title.get(language, key) for key, team in place.teams.items()},
    )


def read_offers(
    url: str, state: OfferState, area: str | None = None, team: str | None = None, limit: int | None = None
) -> OfferList:
    """Reads offers from the case database.

    Raises:
        Unreachable: it cannot be used; its address and the remedy are named.
    """
    try:
        store = CaseStore(connect(url))
        try:
            if state is OfferState.SUPPRESSED:
                suppressed = (each for each in store.suppressed() if area in (None, each.area))
                return OfferList((), store.counts(), tuple(islice(suppressed, limit)))
            return OfferList(tuple(store.list_offers(state, area, team, limit)), store.counts())
        finally:
            store.close()
    except CaseStoreUnavailable as fault:
        raise Unreachable(fault.problem, fault.remedy) from None


def as_data(found: OfferList) -> dict[str, Any]:
    """The list as plain JSON values; times as RFC 3339 in UTC."""
    return {
        "offers": [_offer_data(offer) for offer in found.offers],
        "situations": [asdict(each) | {"at": _rfc3339(each.at)} for each in found.suppressed],
        "counts": {state.value: count for state, count in found.counts.offers.items()},
        "suppressed": {reason.value: count for reason, count in found.counts.suppressed.items()},
    }


def show(console: Console, found: OfferList, wording: Wording) -> None:
    """Prints the list for people, in any width."""
    for offer in found.offers:
        show_offer(console, offer, wording)
    for situation in found.suppressed:
        _show_suppressed(console, situation, wording)
    if not found.offers and not found.suppressed:
        console.print("No such offer.")
    console.print(Rule(style="dim"))
    console.print(_sum("Offers", {state.value: count for state, count in found.counts.offers.items()}))
    console.print(_sum("Suppressed", {key.value: count for key, count in found.counts.suppressed.items()}))
    for reason, count in sorted(found.counts.suppressed.items()):
        console.print(Padding(Text(f"{count} {reason.value}: {_WHY_NOT[reason]}", style="dim"), (0, 0, 0, 2)))


def _show_suppressed(console: Console, situation: CaseSuppressed, wording: Wording) -> None:
    console.print(
        f"{_day(situation.at, wording.zone)}  {situation.area}  household {situation.household[:_SHORT]}  "
        f"{situation.title} (rule {situation.rule}, version {situation.version}): {_WHY_NOT[situation.reason]}",
        soft_wrap=True,
    )


def show_offer(console: Console, offer: CaseOffer, wording: Wording) -> None:
    """Prints one offer and what it rests on."""
    lead = wording.teams.get(offer.lead, offer.lead)
    services = ", ".join(wording.services.get(each, each) for each in offer.services)
    console.print(Rule(style="dim"))
    console.print(
        Text.assemble(
            (offer.urgency.value.upper(), _STYLES[offer.urgency]),
            (f"  household {offer.household[:_SHORT]}", "bold"),
            f"  {offer.area}  ",
            (_state(offer, wording.zone), "dim"),
        )
    )
    for label, value in (
        ("Team in the lead", lead),
        ("Respond by", f"end of {_last_day(offer.respond_by, wording.zone)}"),
        ("To offer", services),
    ):
        console.print(Padding(Text.assemble((f"{label}: ", "dim"), value), (0, 0, 0, 2)))
    for situation in offer.situations:
        _show_situation(console, situation, wording.zone)


def _show_situation(console: Console, situation: OfferedSituation, zone: tzinfo) -> None:
    why = Text.assemble(("Why: ", "dim"), " ".join(situation.explanation.split()))
    rule = Text(f"{situation.title} (rule {situation.rule}, version {situation.version})", style="dim")
    console.print(Padding(why, (0, 0, 0, 2)))
    console.print(Padding(rule, (0, 0, 0, 4)))
    for event in situation.events:
        console.print(Padding(Text(_event(event, zone), style="dim"), (0, 0, 0, 6)))


def _event(event: BoundEvent, zone: tzinfo) -> str:
    return f"- {_day(event.occurred_at, zone)} {event.type.replace('_', ' ')} (from {event.agency})"


def _state(offer: CaseOffer, zone: tzinfo) -> str:
    if offer.state is OfferState.OPEN:
        return f"open until {_day(offer.closes_at - 1, zone)}"
    added = offer.reason or offer.outcome
    why = f", {added.value}" if added else ""
    return f"{offer.state.value} on {_day(offer.updated_at, zone)}{why}"


def _sum(label: str, counts: Mapping[str, int]) -> Text:
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return Text.assemble((f"{label}: ", "bold"), listed or "none")


def _day(ms: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, zone):%Y-%m-%d}"


def _last_day(end_ms: int, zone: tzinfo) -> str:
    """The last local day before an exclusive end."""
    return f"{datetime.fromtimestamp((end_ms - 1) / 1000, zone):%a %Y-%m-%d}"


def _offer_data(offer: CaseOffer) -> dict[str, Any]:
    plain = asdict(offer)
    for name in ("opened_at", "closes_at", "respond_by", "updated_at"):
        plain[name] = _rfc3339(plain[name])
    for situation in plain["situations"]:
        situation["completed_at"] = _rfc3339(situation["completed_at"])
        for event in situation["events"]:
            event["occurred_at"] = _rfc3339(event["occurred_at"])
            event["recorded_at"] = _rfc3339(event["recorded_at"])
    return plain


def _rfc3339(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
