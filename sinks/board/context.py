"""What the board is given: everything of the deployment as plain values and functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from fastapi import FastAPI

from sinks.board.users import SignIn
from sinks.case_db import CaseStore
from sinks.memory import MemoryCaseStore

Store = CaseStore | MemoryCaseStore


class IdentityUnavailable(Exception):
    """The identity register cannot be asked just now; nothing was shown."""


@dataclass(frozen=True, slots=True)
class ServiceWords:
    """A service as a worker explains it to a household."""

    title: str
    description: str
    provider: str
    lead_time: str


@dataclass(frozen=True, slots=True)
class Wording:
    """How a place speaks: titles by id, in its first language; an id without a title stands for itself.

    Attributes:
        place: its name.
        zone: of all dates and times shown.
        language: of the titles; the board's own words are English.
    """

    place: str
    zone: tzinfo
    language: str = "en"
    services: Mapping[str, ServiceWords] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)
    areas: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, str] = field(default_factory=dict)
    agencies: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class RevealedPerson:
    """Who a person is, as far as needed to make contact; shown on one page and kept nowhere.

    Attributes:
        born: ISO 8601 date, or empty.
        contact: ways to reach them, by kind (`phone`, `email`).
        address: lines, first the street.
        safety_flags: warnings about making contact.
    """

    name: str
    born: str
    language: str
    contact: Mapping[str, str]
    address: tuple[str, ...]
    safety_flags: tuple[str, ...]

    def __repr__(self) -> str:
        return "RevealedPerson(<redacted>)"


Reveal = Callable[[str, str, str], RevealedPerson | None]
"""Person's pseudonym, reader, purpose -> who it is; writes the access log first. None: nobody has that key.
Raises `IdentityUnavailable`."""


@dataclass(frozen=True, slots=True)
class BoardContext:
    """Everything the pages work with.

    Attributes:
        store: of offers and actions.
        sign_in: who may come in.
        wording: titles and zone.
        reveal: the audited read of an identity; None: this board shows none.
        reveal_within_s: how long the identity register may take for one offer.
        aggregates: folder of the published weeks.
        least: people or households below which a figure is withheld (`k`).
        secret: signs the session cookies; whoever has it can make one.
        now: the deployment's clock, ms: what "today" and "overdue" are measured by.
        wall: the machine's clock, ms: what sessions are measured by.
        instrument: counts its requests.
    """

    store: Store
    sign_in: SignIn
    wording: Wording
    aggregates: Path
    secret: str = field(repr=False)
    now: Callable[[], int]
    wall: Callable[[], int]
    reveal: Reveal | None = None
    reveal_within_s: float = 10.0
    least: int = 10
    instrument: Callable[[FastAPI], None] = lambda _: None
