"""A duty town for tests of the board: its wording, offers, people, and a server in this process.

Deliver's and plan's parts are played by `answer`, which does with a waiting action what plan would.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import uvicorn
from fastapi import FastAPI

from processors.decisions import BoundEvent
from processors.offers.actions import ActionKind, OfferAction
from processors.offers.model import OfferedSituation, OfferRecord, OfferState, Reason, Urgency, offer_id
from sinks.board import BoardContext, RevealedPerson, TeamCodes, User, Wording
from sinks.board.context import ServiceWords, Store
from sinks.board.users import Role, SignIn
from streams.services.http import listen

ZONE = ZoneInfo("Europe/Brussels")
TEAM, OTHER_TEAM = "housing-prevention", "youth-team"
AREAS = ("riverbend", "millbrook")
CODES = {"abcde-fghjk-mnpqr-stuvw": TEAM, "zzzzz-yyyyy-xxxxx-wwwww": OTHER_TEAM}
CODE = next(iter(CODES))
DAY, HOUR = 86_400_000, 3_600_000


def ms(text: str) -> int:
    """An instant given in the town's zone, `2025-12-09 16:30`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


NOW = ms("2025-12-09 10:00")

WORDING = Wording(
    place="Riverbend (demo town)",
    zone=ZONE,
    services={
        "tenancy-sustainment": ServiceWords(
            "Help to keep your home",
            "A worker talks with you and, if you wish, with your landlord.",
            "Housing prevention",
            "5 working days",
        ),
        "debt-advice": ServiceWords(
            "Debt advice",
            "A plan for what you owe, made with you.",
            "Public centre for social welfare",
            "10 working days",
        ),
    },
    teams={TEAM: "Housing prevention", OTHER_TEAM: "Youth team"},
    areas={"riverbend": "Riverbend", "millbrook": "Millbrook", "highfield": "Highfield"},
    events={
        "job_lost": "Job lost",
        "rent_arrears_reported": "Rent arrears reported",
        "discharged_from_hospital": "Discharged from hospital",
    },
    agencies={"employment-service": "Employment service", "landlord": "Landlord", "hospital": "Hospital"},
    rules={"eviction-risk": "Job lost, rent unpaid, no benefit claimed"},
)

STORIES = (
    (
        "Job lost, rent unpaid, no benefit claimed",
        "eviction-risk-after-job-loss",
        "This person lost a job on 2025-11-01 and rent arrears followed on 2025-11-05; no benefit claim is known.",
    ),
    (
        "Rent arrears twice within half a year",
        "repeated-rent-arrears",
        "This person was reported with rent arrears at least twice within six months, the last time on 2025-12-01.",
    ),
    (
        "Out of hospital to nobody at home",
        "discharge-without-care",
        "This person came home from hospital on 2025-12-02 and no care at home has been arranged since.",
    ),
)

EVENTS = (
    (
        ("loss", "job_lost", "employment-service", "2025-11-01", "2025-11-03 09:12"),
        ("arrears", "rent_arrears_reported", "landlord", "2025-11-05", "2025-12-06 14:40"),
    ),
    (
        ("first", "rent_arrears_reported", "landlord", "2025-11-05", "2025-12-06 14:40"),
        ("second", "rent_arrears_reported", "landlord", "2025-12-01", "2025-12-05 16:20"),
    ),
    (("home", "discharged_from_hospital", "hospital", "2025-12-02", "2025-12-03 08:05"),),
)


def situation(number: int, story: int = 0, **more: object) -> OfferedSituation:
    """A situation of person `p<number>`."""
    title, rule, explanation = STORIES[story % len(STORIES)]
    events = tuple(
        BoundEvent(step, f"{number}-{step}", f"{number}-{step}", type_, agency, ms(f"{day} 00:00"), ms(recorded))
        for step, type_, agency, day, recorded in EVENTS[story % len(EVENTS)]
    )
    made = OfferedSituation(f"m{number}-{story}", rule, 2, title, f"p{number}", NOW - DAY, explanation, events)
    return replace(made, **more)  # type: ignore[arg-type]


def offer(number: int, **more: object) -> OfferRecord:
    """The open offer of household `number`, opened yesterday, to be answered by the end of tomorrow."""
    first = situation(number, number)
    made = OfferRecord(
        offer=offer_id(household(number), 1),
        version=1,
        household=household(number),
        area=AREAS[number % 2],
        state=OfferState.OPEN,
        reason=None,
        at=NOW - DAY,
        opened_at=NOW - DAY,
        closes_at=NOW + 29 * DAY,
        lead=TEAM,
        urgency=Urgency.NORMAL,
        services=("tenancy-sustainment", "debt-advice"),
        respond_by=ms("2025-12-11 00:00"),
        situations=(first,),
        cause=first.match,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def household(number: int) -> str:
    """A pseudonym whose beginning tells households of a test apart."""
    return f"{number:08x}" + "0" * 24


def pictured() -> list[OfferRecord]:
    """A list as a team may find it in the morning."""
    both = (situation(1, 0), situation(1, 1))
    return [
        offer(1, urgency=Urgency.HIGH, respond_by=ms("2025-12-08 00:00"), situations=both),
        offer(2, urgency=Urgency.HIGH, respond_by=ms("2025-12-09 16:30")),
        offer(3, urgency=Urgency.HIGH),
        offer(4, respond_by=ms("2025-12-10 00:00")),
        offer(5, respond_by=ms("2025-12-13 00:00")),
        offer(6, respond_by=ms("2025-12-19 00:00")),
        offer(7, urgency=Urgency.LOW, respond_by=ms("2026-01-10 00:00")),
    ]


def answer(store: Store, wait_s: float = 0.0) -> list[OfferRecord]:
    """Does with every waiting action what plan and deliver do; returns what was written."""
    time.sleep(wait_s)
    items = store.outbox(1000)
    written = [record for item in items if (record := planned(store, item.action)) is not None]
    store.apply(written)
    store.mark_sent([item.action.id for item in items])
    return written


def planned(store: Store, action: OfferAction) -> OfferRecord | None:
    """The offer's next version after that action; None when the action comes too late."""
    (before,) = (each for each in store.offers() if each.offer == action.offer)
    if before.version != action.version:
        return None
    state = {
        ActionKind.TAKEN: OfferState.TAKEN,
        ActionKind.CONTACTED: OfferState.CONTACTED,
        ActionKind.CLOSED: OfferState.CLOSED,
    }[action.kind]
    return changed(store, action.offer, state=state, contact=action.contact, outcome=action.outcome, action=action.id)


def changed(store: Store, offer: str, **more: object) -> OfferRecord:
    """The next version of an offer with those changes; not yet in the store."""
    (before,) = (each for each in store.offers() if each.offer == offer)
    fields = {name: getattr(before, name) for name in OfferRecord.__dataclass_fields__ if hasattr(before, name)}
    base = {**fields, "version": before.version + 1, "at": before.updated_at + 60_000, "cause": ""}
    return OfferRecord(**{**base, **more})


def withdrawn(store: Store, offer: str, reason: Reason = Reason.RETRACTED) -> OfferRecord:
    """The version with which an offer is withdrawn."""
    return changed(store, offer, state=OfferState.WITHDRAWN, reason=reason, situations=(), cause="m")


class Ring:
    """Clocks that stand still until they are moved (ms)."""

    def __init__(self, at: int = NOW) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at


class Register:
    """An identity register that remembers who looked; `people` by pseudonym."""

    def __init__(self, people: dict[str, RevealedPerson] | None = None) -> None:
        self.people = people or {}
        self.log: list[tuple[str, str, str]] = []

    def __call__(self, person: str, reader: str, purpose: str) -> RevealedPerson | None:
        self.log.append((person, reader, purpose))
        return self.people.get(person)


def sign_in_of(store: Store) -> TeamCodes:
    """The town's codes."""
    teams = {TEAM: AREAS, OTHER_TEAM: (*AREAS, "highfield")}
    return TeamCodes(CODES.get, {team: f"print of {team}" for team in teams}.get, store.enrol, teams)


class Viewers:
    """A way to sign in that lets people look only."""

    def __init__(self, inner: TeamCodes) -> None:
        self._inner = inner

    def sign_in(self, code: str, name: str) -> User | None:
        user = self._inner.sign_in(code, name)
        return user and replace(user, roles=frozenset({Role.VIEWER}))

    def areas(self, team: str, proof: str) -> tuple[str, ...] | None:
        return self._inner.areas(team, proof)


def context(store: Store, aggregates: Path, **more: object) -> BoardContext:
    """A board's context on that store, at `NOW`."""
    sign_in: SignIn = sign_in_of(store)
    made = BoardContext(
        store=store, sign_in=sign_in, wording=WORDING, aggregates=aggregates, secret="s" * 64, now=Ring(), wall=Ring()
    )
    return replace(made, **more)  # type: ignore[arg-type]


@contextmanager
def served(app: FastAPI, port: int = 0) -> Iterator[str]:
    """Serves an application in a thread of this process; gives its address."""
    bound = listen("127.0.0.1", port)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", log_config=None, access_log=False, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()


def wait_for(holds: Callable[[], object], within_s: float = 20.0) -> None:
    """Waits until something holds."""
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, "it did not come to hold"
        time.sleep(0.02)


def ids(records: Sequence[OfferRecord]) -> list[str]:
    """Their offers."""
    return [record.offer for record in records]
