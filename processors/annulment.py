"""Taking back what should never have been said: which facts of a wrong file stand, and the lines that annul them.

An annulment by an officer is a line like an agency's own, so that everything downstream follows from it as
from any other: timelines, matches, offers. Its id follows from the event's, so that a second one is a
duplicate; it stands where the event stands and counts as heard when that occurred, so that no rule finds
it too late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from processors.events import ChangeKind, LifeEvent, derived_id
from processors.timeline import root_of


def annulment_of(event: LifeEvent, at: int) -> LifeEvent:
    """The line that annuls an event.

    Args:
        event: a `created` line.
        at: now on the platform's clock, ms.
    """
    return annulled_by(derived_id("annulled", event.id), event, at)


def annulled_by(line_id: str, event: LifeEvent, at: int) -> LifeEvent:
    """The line of that id that annuls a `created` one; `at` as in `annulment_of`."""
    return LifeEvent(
        id=line_id,
        type=event.type,
        person=event.person,
        household=event.household,
        area=event.area,
        agency=event.agency,
        feed=event.feed,
        occurred_at=event.occurred_at,
        recorded_at=max(event.recorded_at, at),
        arrival=event.arrival,
        heard=event.occurred_at,
        change=ChangeKind.ANNULLED,
        replaces=event.id,
    )


def is_by_officer(event: LifeEvent) -> bool:
    """Whether a line was written by `annulment_of`, not made from an agency's record."""
    return event.change is ChangeKind.ANNULLED and event.id == derived_id("annulled", event.replaces)


@dataclass(frozen=True, slots=True)
class Sorted:
    """The lines of a wrong file, by what can be done about them.

    Attributes:
        standing: facts that stand by these lines alone; they are to be annulled.
        annulled: facts that were annulled before.
        corrected: facts that a line from elsewhere corrected since; that holds, not these.
        told: facts that were also told by a record from elsewhere.
        speaking: lines that correct, end or annul a fact from elsewhere; the agency has to say what is right.
    """

    standing: tuple[LifeEvent, ...] = ()
    annulled: int = 0
    corrected: int = 0
    told: int = 0
    speaking: int = 0


def sort(
    wrong: Mapping[str, LifeEvent], speaking: Iterable[LifeEvent], told: frozenset[str], *, is_whole: bool = False
) -> Sorted:
    """Sorts wrong lines of some persons.

    Args:
        wrong: by id.
        speaking: all lines of these persons that speak of an earlier one, from any file.
        told: ids of wrong lines that some record from elsewhere told, too.
        is_whole: whether a fact is wrong whatever corrected it since.
    """
    by_id = {**{line.id: line for line in speaking}, **wrong}
    changes: dict[str, set[tuple[ChangeKind, bool]]] = {}
    for line in by_id.values():
        root = root_of(by_id, line.id)
        if root is not None and root != line.id:
            changes.setdefault(root, set()).add((line.change, line.id in wrong))
    created = [line for line in wrong.values() if line.change is ChangeKind.CREATED]
    rest = [line for line in created if not any(kind is ChangeKind.ANNULLED for kind, _ in changes.get(line.id, ()))]
    own = [line for line in rest if line.id not in told]
    standing = [line for line in own if is_whole or (ChangeKind.CORRECTED, False) not in changes.get(line.id, ())]
    elsewhere = [line for line in wrong.values() if line.replaces is not None and root_of(by_id, line.id) not in wrong]
    return Sorted(
        standing=tuple(standing),
        annulled=len(created) - len(rest),
        corrected=len(own) - len(standing),
        told=len(rest) - len(own),
        speaking=len(elsewhere),
    )
