"""Files are taken back, rules paused, people merged and split, through to the offers. All stages, by the wall's clock.

On a real broker with running stages; one story, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from processors.decisions import Decision
from streams import topics
from streams.clocks import plan_clock
from streams.kafka.log import committed_positions, read_topic
from streams.kafka.tail import ends_of, sources_of
from tests.integration.operated import OperatedTown, command, operated, rent, until, written
from tests.integration.towns import replace_in
from tests.verifier.place import open_place
from tests.verifier.verify import verify

FEED = "landlord.rent-accounts"
SCHEME = "tenant-number"
STAGES = ("intake", "correlate", "households", "plan", "deliver")
RULE = """
rule: arrears-twice
version: 1
title: {en: Arrears twice, nl: Twee keer achterstand}
owner: housing-prevention
purpose: homelessness-prevention
valid: {from: 2020-01-01, until: 2099-12-31}
per: person
steps:
  - at_least: 2 rent_arrears_reported
    in_any: 6 months
    as: arrears
overlap: start after
report: not again for 6 months
late: {accept: 30 days, else: review}
offer: {services: [debt-advice], urgency: normal, respond_within: 5 days, hold: 0 days, lead: housing-prevention}
explain: {en: "{person} twice, the last on {arrears.occurred_at}.", nl: "{person} twee keer, op {arrears.occurred_at}."}
examples:
  - name: two
    events: [2026-01-10 rent_arrears_reported, 2026-04-10 rent_arrears_reported]
    expect: matched 2026-04-10
  - {name: one, events: [2026-01-10 rent_arrears_reported], expect: nothing}
  - {name: far apart, events: [2026-01-10 rent_arrears_reported, 2026-08-10 rent_arrears_reported], expect: nothing}
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedTown]:
    with operated(tmp_path_factory.mktemp("town"), STAGES) as town:
        (town.deployment / "rules").mkdir()
        (town.deployment / "rules/arrears-twice.yaml").write_text(RULE)
        replace_in(town.deployment / "deployment.yaml", "rules: shipped", "rules: rules")
        assert command("rules", "check").code == 0, command("rules", "check").out
        town.start()
        yield town


def arrears(ref: str, tenant: str, days_ago: int, **more: object) -> dict[str, Any]:
    day = f"{datetime.now(UTC) - timedelta(days=days_ago):%d/%m/%Y}"
    who = [{"tenantNumber": tenant, "nationalNumber": None, "isMain": True}]
    return rent(ref, tenants=who, statementDate=day, bookedOn=day, **more)


def publish(folder: Path, name: str, *records: dict[str, Any]) -> str:
    done = command("publish", FEED, written(folder, name, list(records)), "--json")
    assert done.code == 0, done.err
    assert done.data["accepted"] == len(records)
    return str(done.data["batch"])


def offers(state: str) -> list[dict[str, Any]]:
    shown = command("offers", "--state", state, "--json")
    return [row for row in shown.data["offers"] if row["state"] == state] if shown.code == 0 else []


@pytest.fixture(scope="module")
def wrong(town: OperatedTown, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The batch of a file that should not have been sent; two offers rest on it."""
    folder = tmp_path_factory.mktemp("files")
    publish(folder, "right.jsonl", arrears("R-1", "T-P", 20))
    batch = publish(
        folder, "wrong.jsonl",
        arrears("R-1", "T-P", 20), arrears("W-1", "T-P", 3),
        arrears("W-2", "T-Q", 9), arrears("W-3", "T-Q", 4), arrears("W-4", "T-S", 5),
    )  # fmt: skip
    publish(folder, "later.jsonl", arrears("C-1", "T-S", 6, code="C", earlierRef="W-4"))
    until(lambda: len(offers("open")) == 2, "two offers")
    return batch


def test_what_cannot_be_meant_is_refused(town: OperatedTown) -> None:
    assert command("annul").code == 2
    assert command("annul", "--batch", "b", "--event", "e").code == 2
    assert "--feed" in command("annul", "--event", "R-1").err
    assert command("annul", "--batch", "b", "--json").code == 2
    unknown = command("annul", "--batch", "never-was", "--yes")
    assert (unknown.code, unknown.out) == (1, "nothing that stands was found\n")


def test_a_dry_run_says_what_would_be_annulled_and_does_nothing(town: OperatedTown, wrong: str) -> None:
    said = command("annul", "--batch", wrong, "--dry-run", "--json")
    assert said.code == 0, said.err
    told = said.data
    assert [len(told["events"]), told["told_elsewhere"], told["corrected_since"]] == [3, 1, 1]
    assert (told["annulled"], told["annulled_before"], told["complete"]) == (0, 0, False)
    assert command("annul", "--batch", wrong, "--feed", "prison.releases", "--dry-run").code == 1
    assert len(offers("open")) == 2
    both = command("annul", "--batch", wrong, "--batch", *told["elsewhere"], "--dry-run", "--json").data
    assert (len(both["events"]), both["told_elsewhere"]) == (4, 0), "a file sent twice is taken back by both its names"


def test_a_wrong_file_is_taken_back_through_to_the_offers(town: OperatedTown, wrong: str) -> None:
    said = command("annul", "--batch", wrong, "--yes", "--json")
    assert said.code == 0, said.err
    told = said.data
    assert (told["annulled"], told["complete"]) == (3, True)
    assert {rule: len(matches) for rule, matches in told["matches"].items()} == {"arrears-twice": 2}
    assert (len(told["offers_withdrawn"]), told["offers_changed"], told["situations_dropped"]) == (2, [], 0)
    until(lambda: len(offers("withdrawn")) == 2, "both offers withdrawn")
    assert offers("open") == []

    again = command("annul", "--batch", wrong, "--yes")
    assert again.code == 1
    assert "besides, 3 annulled before" in again.out


def test_one_event_is_taken_back_by_the_agencys_id(town: OperatedTown, wrong: str) -> None:
    said = command("annul", "--event", "R-1", "--feed", FEED, "--yes")
    assert said.code == 0, said.err
    assert "1 event annulled\n0 matches withdrawn" in said.out
    corrected = command("annul", "--event", "W-4", "--feed", FEED, "--dry-run", "--json")
    assert len(corrected.data["events"]) == 1, "the fact is wrong whatever corrected it"


def test_a_paused_rule_makes_no_offer_until_it_goes_on(town: OperatedTown, wrong: str, tmp_path: Path) -> None:
    assert command("pause", "--rule", "arrears-twice", "--reason", "a trial").code == 0
    assert command("pause", "--recipient", "housing-prevention").code == 0
    before = sum(1 for _ in read_topic(town.environment["HEADWATER_KAFKA"], topics.DECISIONS))
    publish(tmp_path, "two.jsonl", arrears("N-1", "T-N", 9), arrears("N-2", "T-N", 2))
    until(lambda: decisions(town)[before:], "a match")
    wait_for_plan(town)
    assert offers("open") == []
    assert command("verify").code == 0, command("verify").out

    assert command("resume", "--rule", "arrears-twice").code == 0
    wait_for_plan(town)
    assert offers("open") == []
    assert [row["kind"] for row in command("pause", "--list", "--json").data] == ["recipient"]
    assert command("resume", "--recipient", "housing-prevention").code == 0
    until(lambda: len(offers("open")) == 1, "the offer that waited")


def test_the_accounting_adds_up_after_all_that(town: OperatedTown, wrong: str) -> None:
    until(lambda: command("verify").code == 0, command("verify").out)


def test_a_replay_finds_what_was_decided_and_what_changed_rules_would(town: OperatedTown, wrong: str) -> None:
    def replayed() -> dict[str, Any]:
        said = command("replay", "--from", "2020-01-01", "--dry-run", "--json")
        assert said.code == 0, said.err
        return dict(said.data["rules"])

    standing = {"arrears-twice": {"unchanged": 1, "new": [], "gone": []}}
    assert replayed() == standing
    ledger = len(decisions(town))
    rule = town.deployment / "rules/arrears-twice.yaml"
    example = "events: [2026-01-10 rent_arrears_reported, 2026-04-10"
    thrice = RULE.replace("at_least: 2", "at_least: 3")
    rule.write_text(thrice.replace(example, f"{example} rent_arrears_reported, 2026-04-10"))
    assert len(replayed()["arrears-twice"]["gone"]) == 1
    rule.write_text(RULE.replace("rule: arrears-twice", "rule: arrears-again"))
    changed = replayed()
    assert {name: (len(each["new"]), len(each["gone"])) for name, each in changed.items()} == {
        "arrears-again": (1, 0), "arrears-twice": (0, 1)
    }  # fmt: skip
    assert "arrears-again: newly matched: " in command("replay", "--from", "2020-01-01", "--dry-run").out
    assert "arrears-twice" not in command(
        "replay", "--from", "2020-01-01", "--dry-run", "--rule", "arrears-again"
    ).out  # fmt: skip
    rule.write_text(RULE)
    assert command("replay", "--from", "2099-01-01", "--dry-run", "--json").data["rules"] == {}
    assert len(decisions(town)) == ledger, "nothing was written"
    assert list((town.folder / "data").glob("replay-*")) == []


def test_a_replay_is_asked_for_properly(town: OperatedTown) -> None:
    assert "restart correlate" in command("replay", "--from", "2020-01-01").err
    assert command("replay", "--from", "lately", "--dry-run").code == 2
    assert command("replay", "--from", "2020-01-01", "--dry-run", "--rule", "none").code == 2


def test_two_keys_that_are_one_person_become_one(town: OperatedTown, wrong: str, tmp_path: Path) -> None:
    publish(tmp_path, "first.jsonl", arrears("M-1", "T-A", 20))
    publish(tmp_path, "second.jsonl", arrears("M-2", "T-B", 3))
    gone, living = person("T-A"), person("T-B")
    before = len(offers("open"))
    assert merged("T-A", living) == {"person": living, "events": 1, "opt_out": False}
    until(lambda: len(offers("open")) == before + 1, "the offer for what two keys lived through")
    assert person("T-A") == living
    assert "is now" in command("person", "show", "--person", gone).err
    again = command("person", "merge", "--person", gone, "--into", living, "--reason", "once more")
    assert (again.code, "events: none" in again.out) == (0, True), "what is done stays done"
    assert command("person", "merge", "--person", living, "--into", living, "--reason", "me").code == 2
    refused = command("person", "merge", "--person", living, "--into", gone, "--reason", "back")
    assert (refused.code, "is now" in refused.err) == (1, True)


def test_a_file_is_taken_back_whoever_its_events_belong_to_by_now(
    town: OperatedTown, wrong: str, tmp_path: Path
) -> None:
    batch = publish(tmp_path, "moved.jsonl", arrears("M-3", "T-E", 20))
    publish(tmp_path, "stays.jsonl", arrears("M-4", "T-F", 3))
    before = len(offers("open"))
    merged("T-E", person("T-F"))
    until(lambda: len(offers("open")) == before + 1, "an offer")
    said = command("annul", "--batch", batch, "--yes", "--json")
    assert (said.code, said.data["annulled"], said.data["told_elsewhere"]) == (0, 1, 0), said.err
    until(lambda: len(offers("open")) == before, "the offer withdrawn")


def test_one_key_that_is_two_persons_becomes_two(town: OperatedTown, wrong: str, tmp_path: Path) -> None:
    publish(tmp_path, "one.jsonl", arrears("S-1", "T-J", 20), arrears("S-2", "T-K", 3))
    whole = person("T-K")
    before = len(offers("open"))
    merged("T-J", whole)
    until(lambda: len(offers("open")) == before + 1, "an offer")
    listed = command("person", "split", "--person", whole, "--list", "--json").data
    assert [each["type"] for each in listed] == ["rent_arrears_reported"] * 2
    asked = ("person", "split", "--person", whole, "--reason", "two tenants", "--json")
    assert "no event never-was" in command(*asked, "--take", f"{SCHEME}:T-J", "--event", "never-was").err
    assert "not this person's" in command(*asked, "--take", f"{SCHEME}:T-P").err
    assert "not split from" in command(*asked, "--into", person("T-P"), "--event", listed[0]["event"]).err
    split = command(*asked, "--take", f"{SCHEME}:T-J", "--event", listed[0]["event"])
    assert (split.code, split.data["events"]) == (0, 1), split.err
    part = split.data["person"]
    assert (person("T-J"), person("T-K")) == (part, whole)
    until(lambda: len(offers("open")) == before, "the offer withdrawn")
    more = command(*asked, "--into", part, "--event", listed[1]["event"])
    assert (more.code, more.data) == (0, {"person": part, "events": 1, "opt_out": False})
    until(lambda: len(offers("open")) == before + 1, "an offer for the new person")
    assert command("person", "split", "--person", whole, "--list").out == "no events stand for this person\n"


def test_a_no_goes_with_who_said_it(town: OperatedTown, wrong: str, tmp_path: Path) -> None:
    publish(tmp_path, "said.jsonl", arrears("O-1", "T-L", 20), arrears("O-2", "T-O", 3))
    no, living = person("T-L"), person("T-O")
    assert command("person", "opt-out", "--person", no).code == 0
    assert merged("T-L", living)["opt_out"] is True
    until(lambda: any(each.person == living for each in decisions(town)), "a match")
    wait_for_plan(town)
    accounting = command("verify", "--json")
    assert accounting.code == 0, accounting.out
    assert accounting.data["suppressed"] == {"opted-out": 1}, accounting.out


def test_the_verifier_finds_nothing_wrong_with_annulments_and_pauses(town: OperatedTown, wrong: str) -> None:
    town.stop()
    case_db = f"sqlite:///{town.folder / 'data' / 'cases.db'}"
    report = verify(open_place(town.deployment), town.environment["HEADWATER_KAFKA"], case_db, may_wait=True)
    assert report.holds, list(report.faults())


def person(tenant: str) -> str:
    """The key of whoever has a tenant's number, as soon as there is one."""
    return str(until(lambda: _shown(tenant), f"tenant {tenant}"))


def _shown(tenant: str) -> str | None:
    said = command("person", "show", "--id", f"{SCHEME}:{tenant}", "--json")
    return str(said.data["person"]) if said.code == 0 else None


def merged(tenant: str, into: str) -> dict[str, Any]:
    said = command("person", "merge", "--id", f"{SCHEME}:{tenant}", "--into", into, "--reason", "one tenant", "--json")
    assert said.code == 0, said.err
    return dict(said.data)


def decisions(town: OperatedTown) -> list[Decision]:
    codec = town.platform.codec
    values = (codec.decode(each.value()) for each in read_topic(town.environment["HEADWATER_KAFKA"], topics.DECISIONS))
    return [value for value in values if isinstance(value, Decision)]


def wait_for_plan(town: OperatedTown) -> None:
    """Until plan has worked on a time later than now."""
    platform = town.platform
    now = int(datetime.now(UTC).timestamp() * 1000)
    until(lambda: (plan_clock(platform.bootstrap, platform.codec) or 0) > now, "a mark of time")
    ends = ends_of(platform.bootstrap, sources_of(platform.bootstrap, [topics.SITUATIONS]))
    until(
        lambda: all(
            committed_positions(platform.bootstrap, "headwater-plan", [topics.SITUATIONS])[source] >= end
            for source, end in ends.items()
        ),
        "plan",
    )
