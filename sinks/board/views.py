"""What pages show, made from what the store holds. Pure: same offers, same clock, same page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from processors.decisions import BoundEvent
from processors.offers.actions import ActionKind
from processors.offers.model import OfferedSituation, OfferState, Urgency
from sinks.board.context import ServiceWords, Wording
from sinks.board.users import Right, User
from sinks.board.words import (
    DOING,
    OUTCOMES,
    REASONS,
    STATES,
    URGENCIES,
    Due,
    ago,
    date_words,
    day_words,
    due,
    local,
    moment_words,
    stamp_words,
)
from sinks.case_db.values import CaseOffer, PendingAction, Worker

SHORT = 8
"""Characters of a household's pseudonym that people say to each other."""

Pending = Mapping[str, PendingAction]
Workers = Mapping[str, Worker]


class Show(StrEnum):
    """Which offers of the list are shown."""

    ALL = "all"
    OPEN = "open"
    MINE = "mine"


@dataclass(frozen=True, slots=True)
class Moment:
    """When and where a page is read: the clock (ms), and how the place speaks."""

    now: int
    wording: Wording


@dataclass(frozen=True, slots=True)
class Row:
    """An offer in a list."""

    id: str
    title: str
    household: str
    area: str
    urgency: Urgency
    urgency_words: str
    due: Due
    state: OfferState
    state_words: str
    ended: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event an offer rests on."""

    what: str
    agency: str
    happened: str
    recorded: str


@dataclass(frozen=True, slots=True)
class SituationView:
    """One reason of an offer."""

    title: str
    explanation: str
    rule: str
    version: int
    events: tuple[EventRow, ...]


@dataclass(frozen=True, slots=True)
class OfferView:
    """An offer's page.

    Attributes:
        mark: changes whenever what the page shows of the offer has changed.
        standing: its state in a sentence.
        doing: what is being recorded just now; empty when nothing is.
        can: what the reader may do now.
        is_others: somebody else is the contact; to take it is to take it over.
        history: what happened to it, in order.
    """

    row: Row
    version: int
    mark: str
    situations: tuple[SituationView, ...]
    services: tuple[ServiceWords, ...]
    team: str
    respond_by: str
    facts_as_of: str
    standing: str
    doing: str
    can: frozenset[ActionKind]
    can_reveal: bool
    is_others: bool
    contact: str
    history: tuple[str, ...]


def narrowed(offers: Sequence[CaseOffer], show: Show, worker: Worker, pending: Pending) -> list[CaseOffer]:
    """The offers a list shows, in the same order. An offer being taken is its taker's and no longer open."""

    def is_shown(offer: CaseOffer) -> bool:
        waiting = pending.get(offer.offer)
        holder = offer.contact or (waiting.worker.id if waiting else "")
        if show is Show.MINE:
            return holder == worker.id
        return show is Show.ALL or (offer.state is OfferState.OPEN and waiting is None)

    return [offer for offer in offers if is_shown(offer)]


def row(offer: CaseOffer, moment: Moment, workers: Workers, waiting: PendingAction | None = None) -> Row:
    """An offer as a list shows it."""
    wording = moment.wording
    return Row(
        id=offer.offer,
        title=_title(offer),
        household=offer.household[:SHORT],
        area=wording.areas.get(offer.area, offer.area),
        urgency=offer.urgency,
        urgency_words=URGENCIES[offer.urgency],
        due=_due(offer, moment),
        state=offer.state,
        state_words=_state(offer, workers, waiting),
        ended=date_words(offer.updated_at, wording.zone),
    )


def view(offer: CaseOffer, moment: Moment, workers: Workers, waiting: PendingAction | None, reader: User) -> OfferView:
    """An offer as its page shows it to that reader."""
    wording = moment.wording
    holder = workers.get(offer.contact)
    is_others = bool(offer.contact) and offer.contact != reader.worker.id
    return OfferView(
        row=row(offer, moment, workers, waiting),
        version=offer.version,
        mark=f"{offer.version}.{waiting.kind if waiting else ''}",
        situations=tuple(_situation(each, wording) for each in offer.situations),
        services=tuple(wording.services.get(each, ServiceWords(each, "", "", "")) for each in offer.services),
        team=wording.teams.get(offer.lead, offer.lead),
        respond_by=_respond_by(offer, wording),
        facts_as_of=_freshness(offer, moment),
        standing=_standing(offer, workers, reader),
        doing=_doing(waiting, reader),
        can=frozenset() if waiting or not reader.may(Right.ACT) else _possible(offer, reader),
        can_reveal=_is_in_hand(offer) and not is_others and reader.may(Right.REVEAL),
        is_others=is_others,
        contact=holder.name if holder else "",
        history=tuple(_history(offer, moment, workers)),
    )


def is_contact(offer: CaseOffer, reader: User) -> bool:
    """Whether the reader may know who it is: the named contact, while the offer is in their hands."""
    return _is_in_hand(offer) and offer.contact == reader.worker.id and reader.may(Right.REVEAL)


def people(offer: CaseOffer) -> tuple[str, ...]:
    """Pseudonyms of the people an offer is about, each once."""
    return tuple(dict.fromkeys(person for each in offer.situations for person in each.persons))


def _due(offer: CaseOffer, moment: Moment) -> Due:
    """Until when to respond; once the household was contacted, what is left to do."""
    if offer.state is OfferState.CONTACTED:
        return Due("outcome still to be recorded", False)
    return due(offer.respond_by, moment.now, moment.wording.zone)


def _title(offer: CaseOffer) -> str:
    titles = list(dict.fromkeys(each.title for each in offer.situations))
    return "; ".join(titles) if titles else "The reason for this offer is gone"


def _possible(offer: CaseOffer, reader: User) -> frozenset[ActionKind]:
    """What a worker may do: take it unless they have it, all else only if they have it."""
    permitted = frozenset(kind for kind in ActionKind if offer.state.permits(kind))
    taking = frozenset({ActionKind.TAKEN})
    return permitted - taking if offer.contact == reader.worker.id else permitted & taking


def _is_in_hand(offer: CaseOffer) -> bool:
    return offer.state in {OfferState.TAKEN, OfferState.CONTACTED} and bool(offer.contact)


def _named(worker: str, workers: Workers) -> str:
    return workers[worker].name if worker in workers else "a worker who is no longer known"


def _state(offer: CaseOffer, workers: Workers, waiting: PendingAction | None) -> str:
    if waiting is not None:
        return f"{DOING[waiting.kind]}: {waiting.worker.name}"
    words = STATES[offer.state]
    if offer.state is OfferState.CLOSED and offer.outcome is not None:
        return f"{words}: {OUTCOMES[offer.outcome].told}"
    return f"{words} by {_named(offer.contact, workers)}" if _is_in_hand(offer) else words


def _standing(offer: CaseOffer, workers: Workers, reader: User) -> str:
    """The state in a sentence, told to the reader."""
    is_own = offer.contact == reader.worker.id
    who = "You are" if is_own else f"{_named(offer.contact, workers)} is"
    has = "You have" if is_own else f"{_named(offer.contact, workers)} has"
    why = REASONS[offer.reason] if offer.reason else "the reason for it is gone"
    how = OUTCOMES[offer.outcome].told if offer.outcome else "no outcome is known"
    return {
        OfferState.OPEN: "Nobody has taken this offer yet.",
        OfferState.TAKEN: f"{who} the contact of this household. The household has not been contacted yet.",
        OfferState.CONTACTED: f"{has} contacted this household. The outcome is still to be recorded.",
        OfferState.CLOSED: f"This offer is closed: {how}.",
        OfferState.WITHDRAWN: f"This offer was withdrawn: {why}. Do not contact the household because of it.",
        OfferState.LAPSED: "This offer has lapsed: its time ran out before anybody took it.",
        OfferState.SUPPRESSED: f"No offer was made: {why}.",
    }[offer.state]


def _doing(waiting: PendingAction | None, reader: User) -> str:
    if waiting is None:
        return ""
    return DOING[waiting.kind] if waiting.worker.id == reader.worker.id else (
        f"{waiting.worker.name} was faster and is {DOING[waiting.kind].lower()}"
    )  # fmt: skip


def _situation(situation: OfferedSituation, wording: Wording) -> SituationView:
    return SituationView(
        title=situation.title,
        explanation=" ".join(situation.explanation.split()),
        rule=situation.rule,
        version=situation.version,
        events=tuple(_event(event, wording) for event in situation.events),
    )


def _event(event: BoundEvent, wording: Wording) -> EventRow:
    return EventRow(
        what=wording.events.get(event.type, event.type.replace("_", " ")),
        agency=wording.agencies.get(event.agency, event.agency),
        happened=_happened(event.occurred_at, wording),
        recorded=stamp_words(event.recorded_at, wording.zone),
    )


def _happened(occurred_at: int, wording: Wording) -> str:
    """Most agencies know the day only: their midnight is no time of day."""
    date, _, clock = stamp_words(occurred_at, wording.zone).partition(", ")
    return date if clock == "00:00" else f"{date}, {clock}"


def _respond_by(offer: CaseOffer, wording: Wording) -> str:
    end = local(offer.respond_by, wording.zone)
    if (end.hour, end.minute) == (0, 0):
        return f"End of {day_words(local(offer.respond_by - 1, wording.zone).date())}"
    return f"{day_words(end.date())}, {end:%H:%M}"


def _freshness(offer: CaseOffer, moment: Moment) -> str:
    """The newest of the facts it rests on: what is older than that nobody has said since."""
    heard = [event.recorded_at for each in offer.situations for event in each.events]
    newest, zone = max(heard, default=offer.updated_at), moment.wording.zone
    return f"Facts as of {moment_words(newest, zone)} ({ago(newest, moment.now, zone)})"


def _history(offer: CaseOffer, moment: Moment, workers: Workers) -> list[str]:
    zone = moment.wording.zone
    told = [f"Opened on {moment_words(offer.opened_at, zone)}."]
    if offer.contact:
        told.append(f"{_named(offer.contact, workers)} became the contact of the household.")
    last = {
        OfferState.CONTACTED: "The household was contacted",
        OfferState.CLOSED: "Closed",
        OfferState.WITHDRAWN: "Withdrawn",
        OfferState.LAPSED: "Lapsed",
    }.get(offer.state)
    if offer.version > 1:
        told.append(f"{last or 'Last changed'} on {moment_words(offer.updated_at, zone)} (version {offer.version}).")
    if offer.state is OfferState.OPEN:
        told.append(f"Lapses on {moment_words(offer.closes_at, zone)} if nobody takes it.")
    return told
