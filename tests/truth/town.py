"""A whole town's expected offers, as `expected.json` states them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.truth.knowledge import Spell, spells
from tests.truth.life import Event, OptOut, read_events, read_opt_outs
from tests.truth.planner import Household, Offer, plan


def expect(folder: Path) -> dict[str, Any]:
    """What the town in `folder` must lead to by its end.

    Raises:
        FileNotFoundError: `folder` was not written by `headwater simulate`.
    """
    end: int = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["end"]
    events = read_events(folder / "truth" / "events.jsonl")
    return work_out(events, read_opt_outs(folder / "controls.jsonl"), end)


def work_out(events: Iterable[Event], opt_outs: Iterable[OptOut], end: int) -> dict[str, Any]:
    """The same from values; offers in order of household and opening.

    An offer's `leads` are all teams that may lead it (several where situations joined at one instant
    and are equally urgent), `lead` is the first of them.
    """
    found: dict[str, list[Spell]] = defaultdict(list)
    choices: dict[str, list[OptOut]] = defaultdict(list)
    for spell in spells(events, end):
        found[spell.household].append(spell)
    for choice in opt_outs:
        choices[choice.household].append(choice)
    planned = [plan(name, found[name], choices[name], end) for name in sorted(found)]
    return {
        "end": end,
        "offers": [_offer(offer) for household in planned for offer in household.offers],
        "suppressed": [line for household in planned for line in _suppressed(household)],
    }


def _suppressed(household: Household) -> list[dict[str, object]]:
    return sorted(household.suppressed, key=lambda line: json.dumps(line, sort_keys=True))


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "household": offer.household,
        "state": offer.state,
        "reason": offer.reason,
        "opened_at": offer.opened_at,
        "situations": [_situation(spell) for spell in offer.joined],
        "services": offer.services,
        "lead": offer.leads[0],
        "leads": offer.leads,
    }


def _situation(spell: Spell) -> dict[str, object]:
    found = spell.situation
    return {"rule": found.rule, "person": found.person, "completed_at": found.completed_at}
