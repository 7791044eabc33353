"""`headwater offers`: what it shows, wide, narrow and as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from processors.decisions import BoundEvent
from processors.offers.model import (
    OfferedSituation,
    OfferRecord,
    OfferState,
    Reason,
    Urgency,
    offer_id,
)
from sinks.case_db import CaseStore, connect, upgrade
from streams.cli.offers import Wording, as_data, read_offers, show
from streams.errors import Unreachable

DAY = 86_400_000
LOST = BoundEvent("loss", "e1", "e1", "job_lost", "employment-service", 1_767_567_600_000, 1_767_567_600_000)
WHY = OfferedSituation(
    "m1", "eviction-risk", 2, "Job lost, rent unpaid", "p1", LOST.occurred_at, "A job was lost on 2026-01-05.", (LOST,)
)
OFFER = OfferRecord(
    offer_id("household-1", 1), 1, "household-1", "gent", OfferState.OPEN, None, LOST.occurred_at, LOST.occurred_at,
    LOST.occurred_at + 28 * DAY, "housing", Urgency.HIGH, ("income-call",), LOST.occurred_at + 2 * DAY, (WHY,), "m1",
)  # fmt: skip
SUPPRESSED = OfferRecord(
    "", 0, "h2", "gent", OfferState.SUPPRESSED, Reason.COOL_DOWN, 1, 1, 1, "housing", Urgency.LOW, (), 1, (WHY,), "m1"
)
WORDING = Wording(ZoneInfo("Europe/Brussels"), {"income-call": "A call about income"}, {})


@pytest.fixture
def url(tmp_path: Path) -> str:
    engine = connect(f"sqlite:///{tmp_path}/cases.db")
    upgrade(engine)
    store = CaseStore(engine)
    store.apply([OFFER, SUPPRESSED])
    store.close()
    return f"sqlite:///{tmp_path}/cases.db"


def printed(url: str, width: int, state: OfferState = OfferState.OPEN) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show(console, read_offers(url, state), WORDING)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [40, 120])
def test_shows_offer_and_why_in_local_time(url: str, width: int) -> None:
    text = " ".join(printed(url, width).split())
    for part in (
        "HIGH household househol gent open until 2026-02-01",
        "Team in the lead: housing",
        "Respond by: end of Tue 2026-01-06",
        "To offer: A call about income",
        "Why: A job was lost on 2026-01-05.",
        "(rule eviction-risk, version 2)",
        "- 2026-01-05 job lost (from employment-service)",
        "Offers: 1 open",
        "Suppressed: 1 cool-down",
        "the household had an offer shortly before",
    ):
        assert part in text
    assert max(map(len, printed(url, width).splitlines())) <= width


def test_nothing_to_show(url: str) -> None:
    assert "No such offer." in printed(url, 80, OfferState.WITHDRAWN)


def test_json_is_plain_and_in_utc(url: str) -> None:
    data = json.loads(json.dumps(as_data(read_offers(url, OfferState.OPEN))))
    (offer,) = data["offers"]
    assert offer["opened_at"] == "2026-01-04T23:00:00Z"
    assert offer["situations"][0]["events"][0]["occurred_at"] == "2026-01-04T23:00:00Z"
    assert (data["counts"], data["suppressed"]) == ({"open": 1}, {"cool-down": 1})


def test_no_database_yet_is_a_fault_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="does not exist yet"):
        read_offers(f"sqlite:///{tmp_path}/none.db", OfferState.OPEN)
