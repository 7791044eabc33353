"""A feed is held and goes on, by an officer's order or by the surge brake: nothing dropped, neighbours undisturbed.

On a real broker with a running intake; one story, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from processors.surge import DAY_MS, ENOUGH_DAYS, Volume
from streams.composition import wall_ms
from streams.kafka.committer import Committer, Progress
from streams.kafka.log import committed_positions
from tests.integration.operated import OperatedTown, command, operated, rent, until, written
from tests.integration.towns import DEPLOYMENT, replace_in

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


def test_a_flood_is_held_up_to_the_limit_until_an_officer_lets_it_go_on(town: OperatedTown, tmp_path: Path) -> None:
    assert command("publish", FEED, records(tmp_path, 0)).code == 0
    town.stop()
    replace_in(town.deployment / "contracts/landlord/rent-accounts/mapping.yaml", "settles_within: 3 days",
               "settles_within: 3 days\nsurge: {factor: 2, floor: 20}")  # fmt: skip
    yesterday = wall_ms() // DAY_MS - 1
    for partition in range(2):
        remember(town, partition, Volume(yesterday, 5, ENOUGH_DAYS, 5.0))
    town.start()
    before = sum(positions(town).values())
    flood = written(tmp_path, "flood.jsonl", [tenant(number) for number in range(200)])
    assert command("publish", FEED, flood, "--no-wait").code == 0
    (row,) = until(lambda: command("pause", "--list", "--json").data, "the brake")
    assert (row["name"], row["by"]) == (FEED, "surge-brake")
    assert "more than 10 records on one partition" in row["reason"]
    assert "where 5 are usual" in row["reason"]
    until(lambda: town.logged("intake", "partition held") == 2, "both partitions held")
    taken = sum(positions(town).values()) - before
    assert 10 <= taken <= 20
    (row,) = command("pause", "--list", "--json").data
    assert row["waiting"] == 200 - taken
    assert command("publish", "prison.releases", RELEASES).code == 0

    assert command("resume", "--feed", FEED).code == 0
    until(lambda: sum(positions(town).values()) == before + 200, "all of the flood is taken")
    more = written(tmp_path, "more.jsonl", [tenant(number) for number in range(200, 300)])
    assert command("publish", FEED, more).code == 0, "it stays released for the rest of the day"
    assert command("pause", "--list", "--json").data == []


def test_only_what_is_known_can_be_held(town: OperatedTown) -> None:
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
    until(lambda: town.logged("intake", "partition held") == 4, "both partitions held")
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
    until(lambda: town.logged("intake", "partition held") == 6, "held again")
    assert command("publish", "prison.releases", RELEASES).code == 0
    assert positions(town) == before


def test_what_waited_is_taken_when_it_goes_on(town: OperatedTown, tmp_path: Path) -> None:
    before = sum(positions(town).values())
    assert command("resume", "--feed", FEED).out.startswith(f"{FEED} goes on: what waits on {TOPIC}")
    done = command("publish", FEED, records(tmp_path, 6), "--json")
    assert (done.code, done.data["accepted"]) == (0, 1), done.err
    until(lambda: sum(positions(town).values()) == before + 3, "what waited is taken")
    assert command("pause", "--list", "--json").data == []


def tenant(number: int) -> dict[str, Any]:
    record = rent(f"FLOOD-{number}")
    return {**record, "account": {**record["account"], "number": f"A-{number}"}}


def remember(town: OperatedTown, partition: int, volume: Volume) -> None:
    """Lets intake's position say how much the feed brought so far."""
    with closing(Committer(town.environment["HEADWATER_KAFKA"], "headwater-intake", "test")) as committer:
        committer.open()
        position = committer.claim((TOPIC, partition))
        heard, began, _ = (position.note or "0||").split("|", 2)
        committer.commit([Progress((TOPIC, partition), position.offset, f"{heard}|{began}|{volume.pack()}")])
