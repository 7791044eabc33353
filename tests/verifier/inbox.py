"""Recipients' inboxes, read by plain SQL: today's recipient is the case database, whose tables the board shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import create_engine, text


@dataclass(frozen=True, slots=True)
class Inbox:
    """What a recipient holds.

    Attributes:
        name: which recipient.
        offers: by offer, its rows: version and state.
        situations: by offer, how many situations are shown with it.
        suppressed: by match, how many rows say that it joined no offer.
    """

    name: str
    offers: Mapping[str, list[tuple[int, str]]]
    situations: Mapping[str, int]
    suppressed: Mapping[str, int]


def read_case_db(url: str) -> Inbox:
    """Reads a case database; one without tables yet is empty."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    offers: dict[str, list[tuple[int, str]]] = defaultdict(list)
    try:
        with engine.connect() as database:
            for offer, version, state in database.execute(text("select offer_id, version, state from offers")):
                offers[offer].append((version, state))
            shown = Counter(database.execute(text("select offer_id from offer_situations")).scalars())
            suppressed = Counter(database.execute(text("select match_id from suppressed")).scalars())
    finally:
        engine.dispose()
    return Inbox("case database", dict(offers), shown, suppressed)
