"""What the platform found against what the ground truth expects, offer by offer.

Suppressions are compared too, save `retracted`: whether a match that was taken back within its hold was
ever told depends on which agency's feed is read first. Nobody was contacted either way.

The truth speaks of the town's own person and household ids, the platform of pseudonyms; the identity
register translates, which is why this runs only where the register is at hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from processors.offers.model import OfferState, Reason
from sinks.case_db import CaseOffer, CaseStore
from streams.register import PersonRequest, Register

Situation = tuple[str, str, int]
"""Rule, person, completed at (ms)."""


@dataclass(frozen=True, slots=True, order=True)
class OfferFacts:
    """An offer in the truth's terms; what must be equal."""

    household: str
    opened_at: int
    state: str
    reason: str
    services: tuple[str, ...]
    situations: tuple[Situation, ...]


@dataclass(frozen=True, slots=True, order=True)
class SuppressedFacts:
    """A suppressed situation in the truth's terms."""

    person: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Expected against found; lists hold what is on one side only."""

    expected: int
    found: int
    missing: list[OfferFacts]
    extra: list[OfferFacts]
    suppressed_missing: list[SuppressedFacts]
    suppressed_extra: list[SuppressedFacts]

    @property
    def is_equal(self) -> bool:
        """Whether both sides agree on every offer and every suppression."""
        return not (self.missing or self.extra or self.suppressed_missing or self.suppressed_extra)


def compare(expected_file: Path, population: Path, register: Register, store: CaseStore) -> Comparison:
    """Compares the case database with the ground truth.

    Args:
        expected_file: `expected.json` of the history, made by the ground truth.
        population: `population.jsonl` of the history.
        register: translates pseudonyms.
        store: what the platform delivered.
    """
    truth = orjson.loads(expected_file.read_bytes())
    names = _Names(population, register)
    expected = sorted(_expected(offer) for offer in truth["offers"])
    found = sorted(map(names.offer, store.offers()))
    wanted = sorted(
        SuppressedFacts(s["person"], s["rule"], s["reason"])
        for s in truth["suppressed"]
        if s["reason"] != Reason.RETRACTED
    )
    got = sorted(
        SuppressedFacts(names.person(s.person), s.rule, s.reason)
        for s in store.suppressed()
        if s.reason is not Reason.RETRACTED
    )
    return Comparison(
        len(expected),
        len(found),
        _less(expected, found),
        _less(found, expected),
        _less(wanted, got),
        _less(got, wanted),
    )


def _less(these: Iterable[Any], those: Iterable[Any]) -> list[Any]:
    """What is in `these` beyond `those`, counting repetitions."""
    return sorted((Counter(these) - Counter(those)).elements())


def _expected(offer: Mapping[str, Any]) -> OfferFacts:
    is_withdrawn = offer["state"] == OfferState.WITHDRAWN
    return OfferFacts(
        household=offer["household"],
        opened_at=offer["opened_at"],
        state=offer["state"],
        reason=offer["reason"] or "",
        services=() if is_withdrawn else tuple(sorted(offer["services"])),
        situations=tuple(sorted((s["rule"], s["person"], s["completed_at"]) for s in offer["situations"])),
    )


class _Names:
    """Pseudonyms back into the town's own ids."""

    def __init__(self, population: Path, register: Register) -> None:
        self._persons: dict[str, str] = {}
        self._households: dict[str, str] = {}
        members = [
            (household["household"], member["person"], tuple(tuple(pair) for pair in member["ids"]))
            for household in map(orjson.loads, population.read_bytes().splitlines())
            for member in household["members"]
        ]
        resolved = register.resolve([PersonRequest(ids, 0) for _, _, ids in members])
        for (household, person, _), who in zip(members, resolved, strict=True):
            self._persons[who.person] = person
            self._households[who.household] = household

    def person(self, key: str) -> str:
        return self._persons.get(key, f"unknown {key[:8]}")

    def offer(self, offer: CaseOffer) -> OfferFacts:
        is_withdrawn = offer.state is OfferState.WITHDRAWN
        situations = ((s.rule, self.person(s.person), s.completed_at) for s in offer.situations)
        return OfferFacts(
            household=self._households.get(offer.household, f"unknown {offer.household[:8]}"),
            opened_at=offer.opened_at,
            state=offer.state,
            reason=offer.reason or "",
            services=() if is_withdrawn else tuple(sorted(offer.services)),
            situations=tuple(sorted(situations)),
        )
