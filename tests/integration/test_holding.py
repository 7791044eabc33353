"""A feed is held and goes on, by an officer's order or by the surge brake: nothing dropped, neighbours undisturbed.

On a real broker with a running intake; one story, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.log import committed_positions
from tests.integration.operated import OperatedTown, command, operated, rent, until, written
from tests.integration.towns import DEPLOYMENT

FEED = "landlord.rent-accounts"
TOPIC = "events.landlord.rent-accounts.v1"
RELEASES = DEPLOYMENT / "contracts/prison/releases/samples/good.jsonl"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedTown]:
    with operated(tmp_path_factory.mktemp("town"), ["intake"]) as town:
        town.start()
        until(
            lambda: (town.folder / "logs/intake.log").exists() and town.logged("intake", "partition opened"), "intake"
        )
        yield town


def records(folder: Path, *numbers: int) -> Path:
    return written(folder, "rent.jsonl", [rent(f"RA-{number}") for number in numbers])


def positions(town: OperatedTown) -> dict[tuple[str, int], int]:
    return committed_positions(town.environment["HEADWATER_KAFKA"], "headwater-intake", [TOPIC])


def test_nothing_is_held_at_first_and_only_what_is_known_can_be(town: OperatedTown, tmp_path: Path) -> None:
    assert command("publish", FEED, records(tmp_path, 1, 2, 3)).code == 0
    assert command("pause", "--list").out == "nothing is held\n"
    unknown = command("pause", "--feed", "landlord.rents")
    assert unknown.code == 2
    assert FEED in unknown.err
    assert "eviction-risk-after-job-loss" in command("pause", "--rule", "x").err
    assert "housing-prevention" in command("pause", "--recipient", "x").err
    assert command("pause").code == 2
    assert command("resume", "--feed", FEED, "--rule", "x").code == 2
    assert command("resume", "--feed", FEED).out == f"{FEED} is not held\n"


def test_a_held_feed_waits_on_its_topic_and_others_go_on(town: OperatedTown, tmp_path: Path) -> None:
    held = command("pause", "--feed", FEED, "--reason", "wrong export")
    assert held.code == 0, held.err
    assert held.out.startswith(f"{FEED} is held: its records stay on {TOPIC}")
    until(lambda: town.logged("intake", "partition held") >= 2, "both partitions held")
    before = positions(town)
    assert command("publish", FEED, records(tmp_path, 4, 5), "--no-wait").code == 0
    assert command("publish", "prison.releases", RELEASES).code == 0
    assert positions(town) == before
    (row,) = command("pause", "--list", "--json").data
    assert (row["kind"], row["name"], row["waiting"], row["reason"]) == ("feed", FEED, 2, "wrong export")
    assert row["resume_before"] > row["since"]
    assert "wrong export" in command("pause", "--list").out
    again = command("pause", "--feed", FEED, "--json")
    assert (again.code, again.data["is_news"], again.data["reason"]) == (0, False, "wrong export")


def test_an_intake_that_starts_anew_still_holds_it(town: OperatedTown) -> None:
    before = positions(town)
    town.stop()
    town.start()
    until(lambda: town.logged("intake", "partition held") >= 4, "held again")
    assert command("publish", "prison.releases", RELEASES).code == 0
    assert positions(town) == before


def test_what_waited_is_taken_when_it_goes_on(town: OperatedTown, tmp_path: Path) -> None:
    assert command("resume", "--feed", FEED).out.startswith(f"{FEED} goes on: what waits on {TOPIC}")
    done = command("publish", FEED, records(tmp_path, 6), "--json")
    assert (done.code, done.data["accepted"]) == (0, 1), done.err
    until(lambda: sum(positions(town).values()) == 6, "all six are taken")
    assert command("pause", "--list", "--json").data == []
