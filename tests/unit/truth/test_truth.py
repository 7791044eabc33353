"""The truth itself, on cases worked out by hand."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from streams.simulation.town import Town, build
from tests import truth
from tests.truth.days import DAY, HOUR, day_of, midnight
from tests.truth.life import Event, OptOut
from tests.truth.patterns import SETTLING
from tests.truth.promises import HIGH, LOW, NORMAL, PROMISES, hold_end
from tests.truth.rules import RULES, situations
from tests.truth.town import expect, work_out

ROOT = Path(__file__).parents[3]
END = midnight(date(2026, 12, 31))


def at(text):
    return midnight(date.fromisoformat(text))


def event(text, kind, person="p1", *, recorded=None, annulled=None, household="h1", **attributes):
    occurred = at(text)
    recorded_at = occurred + 10 * HOUR if recorded is None else recorded
    return Event(f"{text} {kind} {person}", person, household, kind, occurred, recorded_at, attributes, annulled)


def stay(text, person="p1", **more):
    return event(text, "hospital_discharged", person, home_care_plan=False, stay_days=6.0, **more)


def found(*events, opt_outs=(), end=END):
    return work_out(events, opt_outs, end)


def matches(*events):
    result = found(*events)
    offered = [situation for offer in result["offers"] for situation in offer["situations"]]
    return sorted((s["rule"], s["completed_at"]) for s in offered + result["suppressed"])


def loss(text, **more):
    return event(text, "job_lost", reason="dismissed", **more)


def arrears(text, **more):
    return event(text, "rent_arrears_reported", amount=500.0, months=1, **more)


def claim(text):
    return event(text, "benefit_claimed", benefit="unemployment")


JOB_RULE = "eviction-risk-after-job-loss"


@pytest.mark.parametrize(
    ("events", "completed"),
    [
        ([loss("2026-01-05"), arrears("2026-02-10")], ["2026-02-10"]),
        ([loss("2026-01-05"), claim("2026-01-20"), arrears("2026-02-10")], []),
        ([loss("2026-01-05"), arrears("2026-01-15")], ["2026-02-03"]),  # first instant after day 28
        ([loss("2026-01-05"), arrears("2026-01-15"), claim("2026-02-02")], []),
        ([loss("2026-01-05"), arrears("2026-01-15"), claim("2026-02-03")], ["2026-02-03"]),
        ([loss("2026-01-05"), arrears("2026-03-06")], ["2026-03-06"]),  # day 60
        ([loss("2026-01-05"), arrears("2026-03-07")], []),
        ([loss("2026-01-05"), claim("2026-02-09"), arrears("2026-02-10")], []),
        ([loss("2026-01-05"), arrears("2026-02-10"), claim("2026-02-11")], ["2026-02-10"]),
        ([loss("2026-01-05"), event("2026-02-10", "eviction_notice_served")], ["2026-02-10"]),
    ],
)
def test_job_lost_then_rent(events, completed):
    assert [pair for pair in matches(*events) if pair[0] == JOB_RULE] == [(JOB_RULE, at(day)) for day in completed]


def test_a_second_loss_before_the_arrears_opens_no_run():
    assert len(matches(loss("2026-01-05"), loss("2026-01-30"), arrears("2026-02-10"))) == 1


def test_not_again_for_ninety_days():
    first = [loss("2026-01-05"), arrears("2026-02-10")]
    within = [loss("2026-03-20"), arrears("2026-05-11")]  # 90 days after completion
    after = [loss("2026-03-20"), arrears("2026-05-12")]
    count = [sum(rule == JOB_RULE for rule, _ in matches(*first, *more)) for more in (within, after)]
    assert count == [1, 2]


@pytest.mark.parametrize(("second", "holds"), [("2026-02-28", True), ("2026-03-01", False)])
def test_arrears_twice_in_six_months_clamps_at_the_month_s_end(second, holds):
    result = matches(arrears("2025-08-31"), arrears(second))
    assert result == ([("repeated-rent-arrears", at(second))] if holds else [])


@pytest.mark.parametrize(
    ("opening", "answer", "last", "rule"),
    [
        ("eviction_claim_filed", "rent_arrears_cleared", "2026-01-26", "eviction-claim-unresolved"),
        ("benefit_stopped", "job_started", "2026-02-04", "income-gap-after-benefit-stop"),
        ("benefit_stopped", "benefit_claimed", "2026-02-04", "income-gap-after-benefit-stop"),
        ("school_exited", "school_enrolled", "2026-05-05", "school-exit-followed-by-nothing"),
        ("died", "benefit_claimed", "2026-03-06", "bereavement-without-support"),
    ],
)
def test_followed_by_nothing(opening, answer, last, rule):
    opened = event("2026-01-05", opening, role="partner", reason="dropped_out")
    day_after = date.fromordinal(date.fromisoformat(last).toordinal() + 1).isoformat()
    assert matches(opened) == [(rule, at(day_after))]
    assert matches(opened, event(last, answer)) == []
    assert matches(opened, event(day_after, answer)) == [(rule, at(day_after))]


def test_conditions_of_the_opening_event():
    assert matches(event("2026-01-05", "school_exited", reason="completed")) == []
    assert matches(event("2026-01-05", "died", role="deceased")) == []
    released = matches(event("2026-01-05", "prison_released", has_address=True))
    assert "release-without-address" not in dict(released)
    assert matches(event("2026-01-05", "hospital_discharged", home_care_plan=False, stay_days=4.0)) == []
    assert matches(event("2026-01-05", "hospital_discharged", home_care_plan=True, stay_days=9.0)) == []
    born = matches(event("2026-01-05", "born", role="child"), loss("2026-02-05"))
    assert "new-child-under-strain" not in dict(born)


def test_an_absence_is_known_when_the_feeds_have_settled():
    result = found(event("2026-01-05", "eviction_claim_filed"))
    known_at = at("2026-01-27") + SETTLING
    assert result["offers"][0]["opened_at"] == hold_end("eviction-claim-unresolved", known_at) == at("2026-02-03")


def test_a_hold_skips_weekends_and_holidays():
    assert hold_end("discharge-without-home-care", at("2026-01-09") + 10 * HOUR) == at("2026-01-13")
    assert hold_end("discharge-without-home-care", at("2026-04-30")) == at("2026-05-05")
    assert hold_end("release-without-address", at("2026-01-09") + 10 * HOUR) == at("2026-01-10")


def test_an_earlier_event_recorded_later_takes_over():
    absence = event("2026-01-05", "absence_threshold_reached")
    late_news = arrears("2026-01-10", recorded=at("2026-01-12") + 9 * HOUR)
    result = found(absence, late_news, arrears("2026-01-11", recorded=at("2026-01-11") + 12 * HOUR))
    rules = {situation["rule"]: situation["completed_at"] for situation in result["offers"][0]["situations"]}
    assert rules["school-absence-and-rent-arrears"] == at("2026-01-10")
    assert result["suppressed"] == []


def test_two_members_make_one_offer():
    released = event("2026-01-12", "prison_released", "p2", has_address=False)
    (offer,) = found(stay("2026-01-05"), released)["offers"]
    assert offer["services"] == ["home-care-assessment", "temporary-housing", "income-support-call"]
    assert (offer["lead"], offer["state"]) == ("care-bridge", "lapsed")


def test_cool_down_then_cap():
    result = found(stay("2026-01-05"), stay("2026-03-05"), stay("2026-04-20"), stay("2026-08-03"))
    assert len(result["offers"]) == 2
    assert [line["reason"] for line in result["suppressed"]] == ["cool-down", "contact-cap"]


def test_retracted_in_the_hold_and_after_it():
    soon = found(stay("2026-01-05", annulled=at("2026-01-06")))
    later = found(stay("2026-01-05", annulled=at("2026-01-15")), stay("2026-01-28", "p2"))
    assert soon["offers"] == [] and [line["reason"] for line in soon["suppressed"]] == ["retracted"]
    withdrawn, again = later["offers"]
    assert (withdrawn["state"], withdrawn["reason"], withdrawn["situations"]) == ("withdrawn", "retracted", [])
    assert again["state"] == "lapsed"  # a withdrawn offer leaves no cool-down


def test_a_household_s_situation_ends_with_anybody_it_rests_on():
    both = [loss("2026-01-05"), loss("2026-02-05", person="p2")]
    (alone,) = found(*both)["offers"]
    refused = found(*both, opt_outs=[OptOut("p2", "h1", at("2026-01-01"))])
    assert [s["rule"] for s in alone["situations"]] == ["two-members-out-of-work"]
    assert refused["offers"] == [] and refused["suppressed"][0]["reason"] == "opted-out"


def test_opting_out_before_and_while_an_offer_is_open():
    before = found(stay("2026-01-05"), opt_outs=[OptOut("p1", "h1", at("2026-01-01"))])
    during = found(stay("2026-01-05"), stay("2026-01-06", "p2"), opt_outs=[OptOut("p1", "h1", at("2026-01-20"))])
    assert before["offers"] == [] and before["suppressed"][0]["reason"] == "opted-out"
    (offer,) = during["offers"]
    assert [situation["person"] for situation in offer["situations"]] == ["p2"]


def test_only_what_is_due_by_the_end_counts():
    open_still = found(stay("2026-01-05"), end=at("2026-01-20"))
    assert [offer["state"] for offer in open_still["offers"]] == ["open"]
    assert found(stay("2026-01-05"), end=at("2026-01-06"))["offers"] == []


def test_what_comes_too_late_is_seen_by_no_rule():
    assert found(stay("2026-01-05", recorded=at("2026-02-20")))["offers"] == []


def test_an_annulled_claim_makes_a_situation_hold_from_then_on():
    claimed = event("2026-01-20", "benefit_claimed", annulled=at("2026-02-20"))
    (offer,) = found(loss("2026-01-05"), claimed, arrears("2026-02-10"))["offers"]
    assert offer["opened_at"] == hold_end(JOB_RULE, at("2026-02-20"))


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("town")
    build(Town(persons=400, months=12, seed=11), folder)
    return folder, expect(folder)


def test_every_story_ends_as_told(town):
    folder, expected = town
    for line in (folder / "truth" / "stories.jsonl").read_text(encoding="utf-8").splitlines():
        story = json.loads(line)
        offers = [offer for offer in expected["offers"] if offer["household"] == story["household"]]
        fate = story["expect"]
        assert len(offers) == fate["offers"], story
        rules = [situation["rule"] for offer in offers for situation in offer["situations"]]
        assert rules == fate.get("rules", []), story
        reasons = [offer["reason"] for offer in offers if offer["state"] == "withdrawn"]
        assert reasons == fate.get("withdrawn", []), story
        suppressed = [one["reason"] for one in expected["suppressed"] if one["household"] == story["household"]]
        assert suppressed == fate.get("suppressed", []), story


def test_the_command_writes_what_it_expects(town):
    folder, expected = town
    done = subprocess.run(
        [sys.executable, "-m", "tests.truth", str(folder)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert json.loads((folder / "expected.json").read_text(encoding="utf-8")) == expected


def test_the_truth_imports_nothing_of_the_platform():
    for path in Path(truth.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] in sys.stdlib_module_names or name.startswith("tests.truth"), (path, name)


DOCUMENTS = {
    path.stem: YAML(typ="safe").load(path) for path in (ROOT / "processors" / "rules" / "library").rglob("*.yaml")
}
EXAMPLES = [(rule, example) for rule in RULES for example in DOCUMENTS[rule.name]["examples"]]


def test_the_truth_knows_the_whole_library():
    assert {rule.name for rule in RULES} == set(DOCUMENTS) == set(PROMISES)


def example_event(number, text):
    """An event of an example, read without the platform: `2026-01-05 job_lost {amount: 400} person=q`."""
    day, kind, rest = (*text.split(" ", 2), "")[:3]
    attributes, _, envelope = rest.rpartition("}") if "}" in rest else ("", "", rest)
    values = YAML(typ="safe").load(attributes + "}") if attributes else {}
    said = dict(pair.split("=") for pair in envelope.split())
    who = said.get("person", "somebody")
    return Event(str(number), who, "home", kind, at(day), at(day) + HOUR, values, agency=said.get("agency", ""))


@pytest.mark.parametrize(("rule", "example"), EXAMPLES, ids=lambda value: getattr(value, "name", None) or value["name"])
def test_the_examples_of_the_rule_documents_hold(rule, example):
    events = [example_event(number, text) for number, text in enumerate(example["events"])]
    days = []
    for found in situations(rule, events, midnight(date(2030, 1, 1))):
        is_event = any(event.occurred_at == found.completed_at for event in events if event.id in found.bound)
        days.append(day_of(found.completed_at - (0 if is_event else 1)).isoformat())
    assert example["expect"] == (f"matched {', '.join(days)}" if days else "nothing")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_promises_are_those_of_the_rule_documents(rule):
    document = DOCUMENTS[rule.name]
    offer, promise = document["offer"], PROMISES[rule.name]
    assert tuple(offer["services"]) == promise.services
    assert offer["lead"] == promise.lead
    assert {"low": LOW, "normal": NORMAL, "high": HIGH}[offer["urgency"]] == promise.rank
    assert offer["hold"].startswith(f"{promise.hold} ")
    assert document["per"] == ("household" if rule.per_household else "person")


def test_a_day_of_the_planner_is_twenty_four_hours():
    """Thirty days across the change to summer time end an hour after local midnight."""
    midnight_after = at("2026-04-23")
    (before,) = found(stay("2026-03-20"), end=midnight_after)["offers"]
    (after,) = found(stay("2026-03-20"), end=midnight_after + HOUR)["offers"]
    assert before["opened_at"] == at("2026-03-24") == midnight_after + HOUR - 30 * DAY
    assert (before["state"], after["state"]) == ("open", "lapsed")
