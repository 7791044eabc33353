"""What is shipped for Prometheus and Grafana is well-formed, and names only what exists."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import infra
from sinks.metrics.meters import EVERY, Meters
from streams.processes import STAGES

PROMETHEUS = Path(infra.__file__).parent / "prometheus"
GRAFANA = Path(infra.__file__).parent / "grafana"
OPERATORS = Path(__file__).parents[3] / "docs" / "operators.md"
SERIES = re.compile(r"\b(?:headwater|process)_[a-z_]+")


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def promtool(*arguments: object) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def exposed() -> set[str]:
    """Names of all samples that some process exposes."""
    names = set()
    for process in EVERY:
        for family in Meters(process).registry.collect():
            suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
            names |= {family.name + suffix for suffix in suffixes}
    return names


def rules() -> list[dict[str, Any]]:
    return [rule for group in load(PROMETHEUS / "alerts.yaml")["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    return json.loads((GRAFANA / "dashboards" / "headwater.json").read_text())


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("name", ["prometheus.yaml", "prometheus.compose.yaml"])
def test_prometheus_takes_the_configuration_and_its_rules(name: str) -> None:
    promtool("check", "config", PROMETHEUS / name)


def test_alerts_fire_when_they_should_and_only_then() -> None:
    promtool("test", "rules", PROMETHEUS / "alerts.test.yaml")


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    cases = (PROMETHEUS / "alerts.test.yaml").read_text()
    assert [rule["alert"] for rule in rules() if f"ame: {rule['alert']}\n" not in cases
            and f'ALERTS{{alertname="{rule["alert"]}", alertstate="firing"' not in cases] == []  # fmt: skip


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_leads_to_its_procedure(rule: dict[str, Any]) -> None:
    assert set(rule["annotations"]) == {"summary", "people", "first_step", "runbook"}
    assert rule["labels"]["severity"] in ("page", "ticket")
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/operators.md"
    section = re.search(rf"^### {anchor.replace('-', ' ')}\n\n(.+?)\n", OPERATORS.read_text(), re.MULTILINE | re.I)
    assert section is not None, f"docs/operators.md has no heading for {anchor}"
    assert section[1].startswith(f"`{rule['alert']}` ({rule['labels']['severity']}):")


def test_alerts_and_panels_ask_only_for_what_is_exposed() -> None:
    asked = [rule["expr"] for rule in rules()]
    asked += [target["expr"] for panel in panels() for target in panel["targets"]]
    assert {name for expression in asked for name in SERIES.findall(expression)} - exposed() == set()


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert() -> None:
    text = (GRAFANA / "dashboards" / "headwater.json").read_text() + (PROMETHEUS / "alerts.yaml").read_text()
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in exposed() if name.startswith("headwater_")}
    assert {name for name in ours if name not in text} == {"headwater_build_info"}


def test_compose_names_every_process_on_its_port() -> None:
    (job,) = load(PROMETHEUS / "prometheus.compose.yaml")["scrape_configs"]
    expected = {name: [f"{name}:9000"] for name in STAGES}
    assert {each["labels"]["process"]: each["targets"] for each in job["static_configs"]} == expected


def test_panels_are_whole_and_do_not_overlap() -> None:
    everything = dashboard()["panels"]
    ids = [panel["id"] for panel in everything]
    assert len(ids) == len(set(ids))
    assert all(panel["title"] for panel in everything)
    for panel in panels():
        assert panel["description"]
        assert panel["targets"]
        assert all(target["expr"] and target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for one, other in combinations((panel["gridPos"] for panel in everything), 2):
        is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_beside or is_below
    assert all(place["x"] + place["w"] <= 24 for place in (panel["gridPos"] for panel in everything))


def test_the_data_source_can_be_chosen() -> None:
    (variable,) = dashboard()["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")


def test_provisioning_is_read_by_grafana_s_schema() -> None:
    (source,) = load(GRAFANA / "provisioning" / "datasources" / "headwater.yaml")["datasources"]
    (provider,) = load(GRAFANA / "provisioning" / "dashboards" / "headwater.yaml")["providers"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert (provider["type"], provider["options"]["path"]) == ("file", "/var/lib/grafana/dashboards")
