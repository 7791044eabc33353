"""Fails when something a user meets has no entry in the documentation, or the documentation names what is not there.

Also tries the examples: the contract and the rule in the pages are loaded and run.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import infra
from processors.events import ChangeKind, ControlKind
from processors.offers.actions import OutcomeCode
from processors.offers.model import OfferState, Reason, Urgency
from processors.rules.examples import run_examples
from processors.rules.lines import json_attributes
from processors.rules.load import load as load_rules
from processors.rules.reading.document import RULE_KEYS
from processors.rules.reading.member_text import COMBINATIONS
from processors.rules.reading.step_text import STEP_KEYS
from processors.rules.ruleset import RuleSet
from schemas.contract import Contract
from schemas.deployment import Deployment
from schemas.mapping import EVENT_OPTIONAL, EVENT_REQUIRED, PERSON_OPTIONAL, TOP_OPTIONAL, TOP_REQUIRED, VALUE_FIELDS
from schemas.outcomes import RejectionReason
from schemas.samples import check_samples
from sinks.metrics import RESULTS, Meters
from streams import topics
from streams.cli import app
from streams.composition import rule_deployment
from streams.processes import STAGES
from streams.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
DEMO = Path(infra.__file__).parent / "demo"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
MAKE = re.compile(r"`make ([a-z-]+)|^\$ make ([a-z-]+)", re.MULTILINE)
COMMAND = re.compile(r"(?:`|\$ |\| )headwater ((?:[a-z][a-z-]* ?)+)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """A page without its fenced blocks: what is written there is output, not a link."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def table_terms(page: str) -> set[str]:
    """Every `term` in the first cell of a table row."""
    rows = [line.split("|")[1] for line in text_of(page).splitlines() if line.startswith("|")]
    return {term for cell in rows for term in re.findall(r"`([^`]+)`", cell)}


def commands(command: Any, path: str = "") -> Iterator[str]:
    """The names of all commands below a group: `rules check`, `verify`."""
    below = getattr(command, "commands", None)
    if not below:
        yield path
        return
    for name, one in below.items():
        yield from commands(one, f"{path} {name}".strip())


COMMANDS = tuple(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_entry(name: str):
    pattern = rf"^\| `headwater {re.escape(name)}[ `]"
    assert re.search(pattern, text_of("interfaces.md"), re.MULTILINE), f"docs/interfaces.md has no row for `{name}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_name_only_commands_that_exist(page: Path):
    groups = {name.rsplit(" ", 1)[0] for name in COMMANDS if " " in name}
    for written in COMMAND.findall(page.read_text(encoding="utf-8")):
        words = written.split()
        known = " ".join(words[:2]) in COMMANDS or words[0] in COMMANDS or " ".join(words) in groups
        assert known, f"there is no `headwater {written.strip()}`"


def test_every_setting_has_its_entry():
    page = text_of("settings.md")
    missing = [name for name in Settings.model_fields if f"| `HEADWATER_{name.upper()}` |" not in page]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_name_only_settings_that_exist(page: Path):
    known = {f"HEADWATER_{name.upper()}" for name in Settings.model_fields}
    known |= {"HEADWATER_TEST_KAFKA", "HEADWATER_TEST_POSTGRES"}
    assert set(re.findall(r"HEADWATER_[A-Z_]+[A-Z]", page.read_text(encoding="utf-8"))) <= known


def test_every_rejection_reason_has_meaning_and_remedy():
    section = text_of("agencies.md").split("## Reasons of rejection", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines() if "`" in line]
    told = {row[0].strip("`| "): row for row in rows if row[0].startswith(("`", "| `"))}
    assert set(told) == {reason.value for reason in RejectionReason}
    assert [name for name, row in told.items() if len(row) != 3 or not all(row)] == []


def test_every_rule_keyword_has_its_entry():
    words = set(re.findall(r"[a-z_]+", " ".join(table_terms("rule-language.md"))))
    assert {*RULE_KEYS, *STEP_KEYS, *COMBINATIONS} - words == set()


def test_every_mapping_field_is_explained():
    page = text_of("agencies.md")
    fields = {*TOP_REQUIRED, *TOP_OPTIONAL, *EVENT_REQUIRED, *EVENT_OPTIONAL, *PERSON_OPTIONAL, *VALUE_FIELDS}
    assert [name for name in sorted(fields) if not re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", page)] == []


@pytest.mark.parametrize("kind", [Reason, OfferState])
def test_every_state_and_reason_of_offers_has_its_entry(kind: type[Reason] | type[OfferState]):
    assert {one.value for one in kind} - table_terms("duty-teams.md") == set()


@pytest.mark.parametrize("kind", [ChangeKind, ControlKind, Urgency])
def test_closed_lists_are_documented(kind: type[ChangeKind] | type[ControlKind] | type[Urgency]):
    pages = text_of("interfaces.md") + text_of("rule-language.md")
    assert [one.value for one in kind if f"`{one.value}`" not in pages] == []


def test_every_outcome_has_its_entry():
    assert {one.value for one in OutcomeCode} - table_terms("duty-teams.md") == set()


def test_every_stage_has_its_entry():
    assert set(STAGES) - table_terms("operators.md") == set()


def test_every_metric_has_its_entry_with_its_labels_and_no_other_is_told():
    rows = re.findall(r"^\| `(headwater_[a-z_]+)` \|(.*?)\|", text_of("operators.md"), re.MULTILINE)
    assert {name: tuple(re.findall(r"`([a-z]+)`", labels)) for name, labels in rows} == Meters("supervisor").labels
    assert len(rows) == len(Meters("supervisor").labels)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_name_only_metrics_that_exist(page: Path):
    named = set(re.findall(r"\bheadwater_[a-z_]+[a-z]\b", page.read_text(encoding="utf-8")))
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in named} <= set(Meters("supervisor").labels)


def test_every_result_of_a_stage_has_its_entry():
    section = text_of("operators.md").split("#### Results", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if "`" in line]
    told = {row.split("|")[1].strip(): set(re.findall("`([a-z]+)`", row)) for row in rows}
    assert told == {stage: set(results) for stage, results in RESULTS.items()}


def test_every_topic_has_its_entry_as_it_is_created():
    rows = {line.split("|")[1].strip(" `"): line for line in text_of("interfaces.md").splitlines() if "|" in line}
    contracts = Deployment.load(DEMO).contracts.values()
    for topic in topics.catalogue(contracts, Settings(_env_file=None)):  # type: ignore[call-arg]
        row = rows.get(_general(topic.name), "")
        assert f"| {topic.partitions} |" in row, f"docs/interfaces.md has no right row for {topic.name}"
        assert f"| {topic.config['cleanup.policy']} |" in row
        assert f"| {_kept(topic)} |" in row


def _general(name: str) -> str:
    """`events.court.eviction-proceedings.v1` as the page writes it."""
    name = re.sub(r"^events\.[^.]+\.[^.]+\.v\d+", "events.<agency>.<contract>.v<major>", name)
    return re.sub(r"^receipts\..+", "receipts.<agency>", name)


def _kept(topic: topics.Topic) -> str:
    retention = topic.config.get("retention.ms")
    if retention is None:
        return "newest by key"
    return "for ever" if retention == "-1" else f"{int(retention) // topics.DAY_MS} days"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path):
    for target in LINK.findall(prose_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in _anchors(found), f"{target}: no such heading"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_leads_to_every_page():
    links = LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in links}
    assert [page.name for page in DOCS.glob("*.md") if page.resolve() not in reached] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_make_targets_exist(page: Path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {one or other for one, other in MAKE.findall(page.read_text(encoding="utf-8"))}
    assert named <= targets


def test_decisions_are_numbered_and_have_their_parts():
    files = sorted(DECISIONS.glob("*.md"))
    assert [file.name[:4] for file in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], file.name
        assert text.startswith(f"# {file.name[:4]} "), file.name


def test_the_contract_of_the_agencies_page_holds(tmp_path: Path):
    place = tmp_path / "place"
    shutil.copytree(DEMO, place)
    folder = place / "contracts" / "housing-association" / "arrears"
    (folder / "samples").mkdir(parents=True)
    blocks = [body for _, body in FENCE.findall(text_of("agencies.md"))]
    for name, place_of in (
        ("arrears.avsc", 0),
        ("mapping.yaml", 1),
        ("samples/good.jsonl", 2),
        ("samples/bad.jsonl", 3),
    ):
        (folder / name).write_text(blocks[place_of], encoding="utf-8")
    contract = Deployment.load(place).contracts["housing-association.arrears"]
    assert isinstance(contract, Contract)
    assert check_samples(contract) == []


def test_the_rule_of_the_rules_page_holds():
    (text,) = [body for kind, body in FENCE.findall(text_of("rules.md")) if kind == "yaml"]
    loaded = load_rules({"rules.md": text}, rule_deployment(Deployment.load(DEMO)), json_attributes)
    assert isinstance(loaded, RuleSet), loaded
    assert all(result.is_holding for result in run_examples(loaded))
