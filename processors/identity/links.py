"""Which ids are one person: a fold over the requests of a chunk.

Ids that arrive together and are unknown become aliases of the person the others belong to. Ids that
belong to different persons are never merged here: the first id by the contract's order wins, and the
other is a doubt for a person to look at. Does not compare names or dates of birth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Doubt:
    """One id belongs to `other` while it came with an id of `kept`.

    Attributes:
        request: index of the request that showed it.
        alias: hash of the id in doubt.
        kept: the person the request was resolved to.
        other: the person the id belongs to, unchanged.
    """

    request: int
    alias: bytes
    kept: str
    other: str


@dataclass(frozen=True, slots=True)
class Links:
    """What a chunk of requests comes to.

    Attributes:
        persons: one per request, in order.
        new_aliases: alias -> person, not known before.
        new_persons: keys taken from `fresh`, in order.
        doubts: ids that belong to somebody else.
    """

    persons: list[str] = field(default_factory=list)
    new_aliases: dict[bytes, str] = field(default_factory=dict)
    new_persons: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)


def link(
    requests: Sequence[Sequence[bytes]],
    known: Mapping[bytes, str],
    fresh: Iterator[str],
    anchored: set[str] | None = None,
) -> Links:
    """Finds or makes the person of each request.

    Args:
        requests: aliases of one person each, most trusted first; none empty.
        known: alias -> person, as stored.
        fresh: keys nobody has yet.
        anchored: persons whose first alias is stored (a population file: that file's own person id).
            Given, such a person is found by its first alias only, so that two persons of the file
            sharing an id by mistake stay two; it grows by the persons decided here.

    >>> links = link([[b"x"], [b"x", b"y"]], {b"x": "p1"}, iter(["p2"]))
    >>> links.persons, links.new_aliases
    (['p1', 'p1'], {b'y': 'p1'})
    """
    links = Links()
    for index, aliases in enumerate(requests):
        owners = [known.get(alias) or links.new_aliases.get(alias) for alias in aliases]
        person = _first_owner(owners, anchored)
        if person is None:
            person = next(fresh)
            links.new_persons.append(person)
        if anchored is not None:
            anchored.add(person)
        links.persons.append(person)
        for alias, owner in zip(aliases, owners, strict=True):
            if owner is None:
                links.new_aliases[alias] = person
            elif owner != person:
                links.doubts.append(Doubt(index, alias, person, owner))
    return links


def _first_owner(owners: Sequence[str | None], anchored: set[str] | None) -> str | None:
    if owners[0] is not None:
        return owners[0]
    if anchored is None:
        return next((owner for owner in owners if owner is not None), None)
    return next((owner for owner in owners if owner is not None and owner not in anchored), None)
