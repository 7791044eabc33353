"""A real Prometheus scrapes the whole platform: every metric moves, alerts fire, and nothing depends on it.

`headwater up` with all its processes on a broker of its own; the shipped configuration, rules and
dashboard, with shorter times.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright
from ruamel.yaml import YAML

import infra
from streams.agencies.publishing import Publisher
from streams.broker.ports import find_row
from streams.composition import Platform
from streams.demo.play import _lines
from streams.kafka.log import end_offsets
from streams.processes import STAGES
from streams.settings import Settings
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.integration.towns import HEADWATER, clean, headwater, make_town

INFRA = Path(infra.__file__).parent
OPERATORS = INFRA.parent / "docs" / "operators.md"
LIMIT_S = 90.0


@dataclass
class Running:
    """The platform as `headwater up` runs it, and a Prometheus beside it."""

    data: Path
    history: Path
    port: int
    prometheus: str
    pid: int
    told: list[dict[str, Any]] = field(repr=False)
    published: int = 0
    environment: dict[str, str] = field(default_factory=dict, repr=False)

    def page(self, path: str = "") -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=10) as answer:
            return answer.read().decode()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Samples of an instant query."""
        asked = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/query?{asked}", timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    def value(self, expression: str) -> float:
        """The one value of an instant query; 0 when there is none."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else 0.0

    def alerts(self, name: str) -> set[tuple[str, str]]:
        """(process or feed, state) of an alert now."""
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/alerts", timeout=10) as answer:
            found = json.load(answer)["data"]["alerts"]
        return {
            (each["labels"].get("process", each["labels"].get("feed", "")), each["state"])
            for each in found
            if each["labels"]["alertname"] == name
        }

    def child(self, process: str) -> int:
        """Process id of a stage or service."""
        for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2:] == [process.encode(), b""]:
                return int(pid)
        raise ProcessLookupError(process)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("prometheus")
    history, data = make_town(folder / "history", persons=300), folder / "data"
    port = find_row(len(STAGES) + 4)
    ports = {"METRICS_PORT": port, "BOARD_PORT": port + len(STAGES) + 1, "GATEWAY_PORT": port + len(STAGES) + 2}
    with ExitStack() as stack:
        assert headwater(data, "broker", "start").code == 0
        stack.callback(headwater, data, "broker", "stop")
        assert headwater(data, "identity", "load", history / "population.jsonl").code == 0
        environment = clean(data, CLOCK="feeds", **ports)
        up = stack.enter_context(process([HEADWATER, "up"], folder / "up.log", env=environment))
        address = f"http://127.0.0.1:{port + len(STAGES) + 3}"
        told: list[dict[str, Any]] = []
        configure(folder, port, stack.enter_context(alertmanager(told)))
        stack.enter_context(process(prometheus(folder, address), folder / "prometheus.log"))
        found = Running(data, history, port, address, up.pid, told, environment=environment)
        await_that(lambda: "All is well" in found.page() or "Not heard from" in found.page())
        found.published = publish(found)
        yield found


def test_every_process_is_found_by_the_supervisors_targets_and_answers(running: Running) -> None:
    expected = {*STAGES, "supervisor"}
    await_that(lambda: {each["metric"]["process"] for each in running.query('up{job="headwater"} == 1')} == expected)
    assert {group["labels"]["process"] for group in json.loads(running.page("targets"))} == set(STAGES)


def test_what_was_published_is_what_is_counted(running: Running) -> None:
    await_that(lambda: running.value('sum(headwater_records_total{stage="intake"})') == running.published)
    await_settled(running)
    dead = running.value('sum(headwater_dead_letters_total{stage="intake"})')
    assert running.value('headwater_records_total{stage="intake",result="rejected"}') == dead
    verified = headwater(running.data, "verify", "--json").data
    events = 'headwater_records_total{stage="correlate",result=~"applied|duplicate|conflicting"}'
    assert running.value(f"sum({events})") == verified["events"]
    assert running.value('headwater_records_total{stage="correlate",result="duplicate"}') > 0
    offers = headwater(running.data, "offers", "--json").data
    await_that(lambda: running.value("sum(headwater_offers)") == sum(offers["counts"].values()))
    assert running.value("sum(headwater_suppressed)") == sum(offers["suppressed"].values())
    assert running.value("headwater_event_to_offer_seconds_count") == sum(offers["counts"].values())
    assert running.value('headwater_records_total{stage="deliver",result="unchanged"}') == 0
    assert running.value('headwater_subjects{process="correlate"}') > 100
    heard = running.query("headwater_feed_heard_timestamp_seconds")
    assert all(float(each["value"][1]) > 1_700_000_000 for each in heard)
    assert "All is well" in running.page()


def test_no_series_holds_a_pseudonym_or_an_identity(running: Running) -> None:
    labels = json.dumps(running.query('{job="headwater"}'))
    offers = headwater(running.data, "offers", "--json", "--limit", "1000").data["offers"]
    population = (running.history / "population.jsonl").read_text().splitlines()
    secrets = {offer["offer"] for offer in offers} | {offer["household"] for offer in offers}
    for line in population:
        for member in json.loads(line)["members"]:
            secrets |= {member["name"], *(value for _, value in member["ids"] if len(value) > 5)}
    assert len(secrets) > 300
    assert [secret for secret in secrets if secret in labels] == []


ONLY_IN_TROUBLE = {
    "headwater_feed_held_since_timestamp_seconds",
    "headwater_stage_failing_since_timestamp_seconds",
    "headwater_stage_restart_pause_seconds",
}
"""What nobody tells, or is zero, while all is well."""


def test_every_panel_of_the_dashboard_finds_data(running: Running) -> None:
    for _ in range(3):
        for path in ("", "sign-in", "nowhere"):
            ask(f"http://127.0.0.1:{running.environment['HEADWATER_BOARD_PORT']}/{path}")
        ask(f"http://127.0.0.1:{running.environment['HEADWATER_GATEWAY_PORT']}/v1/receipts")
        time.sleep(1.1)
    missing = []
    for panel, expression in expressions():
        asked = expression.replace("$__rate_interval", "15m").replace("$__range", "1h")
        if not running.query(asked) and not any(name in asked for name in ONLY_IN_TROUBLE):
            missing.append((panel, expression))
    assert missing == []


def test_pictures_of_a_panel_and_of_the_operators_page(running: Running, pictures: Path) -> None:
    """Drawn by Prometheus itself, from the dashboard's own expressions; for the README."""
    wanted = {"What became of agencies' records", "Offers by state"}
    drawn = [expression for panel, expression in expressions() if panel in wanted]
    asked = "&".join(
        f"g{number}.expr={urllib.parse.quote(expression.replace('$__rate_interval', '1m'))}&g{number}.tab=0"
        f"&g{number}.range_input=2m"
        for number, expression in enumerate(drawn)
    )
    (pictures / "operators").mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = chromium.new_page(viewport={"width": 1100, "height": 760})
        page.goto(f"{running.prometheus}/graph?{asked}")
        expect(page.locator(".rickshaw_graph svg path.path").nth(1)).to_be_attached()
        page.screenshot(path=pictures / "operators" / "panels.png", full_page=True)
        page.goto(f"http://127.0.0.1:{running.port}/still")
        expect(page.get_by_role("heading", level=1)).to_have_text("All is well")
        page.screenshot(path=pictures / "operators" / "page.png", full_page=True)
        chromium.close()


def test_every_metric_of_an_alert_is_there(running: Running) -> None:
    rules = YAML(typ="safe").load(INFRA / "prometheus" / "alerts.yaml")["groups"][0]["rules"]
    names = {name for rule in rules for name in re.findall(r"\b(?:headwater|process)_[a-z_]+", rule["expr"])}
    assert len(names) > 10
    assert [name for name in sorted(names - ONLY_IN_TROUBLE) if not running.query(name)] == []


def test_a_process_that_hangs_raises_the_alert_and_the_page_still_answers(running: Running) -> None:
    await_that(lambda: running.alerts("ProcessDown") == set())
    hung = running.child("deliver")
    os.kill(hung, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        page = running.page()
        assert time.monotonic() - begun < 5
        assert "deliver does not answer: duty teams do not see new offers or withdrawals." in page
        assert page.count("does not answer") >= 2
        await_that(lambda: ("deliver", "pending") in running.alerts("ProcessDown"))
        await_that(lambda: ("deliver", "firing") in running.alerts("ProcessDown"))
        assert {process for process, _ in running.alerts("ProcessDown")} == {"deliver"}
        await_that(lambda: ("ProcessDown", "deliver") in {(each["labels"]["alertname"], each["labels"].get("process"))
                                                          for each in running.told})  # fmt: skip
    finally:
        os.kill(hung, signal.SIGCONT)
    await_that(lambda: running.alerts("ProcessDown") == set())


def test_a_killed_process_is_counted_and_comes_back(running: Running) -> None:
    before = running.value('headwater_stage_restarts_total{stage="plan"}')
    os.kill(running.child("plan"), signal.SIGKILL)
    await_that(lambda: running.value('headwater_stage_restarts_total{stage="plan"}') == before + 1)
    await_that(lambda: running.value('headwater_partitions{stage="plan"}') == 4)
    await_that(lambda: "All is well" in running.page())


def test_readiness_waits_for_partitions(running: Running) -> None:
    port = running.port + 1 + STAGES.index("correlate")
    os.kill(running.child("correlate"), signal.SIGKILL)
    seen = set()

    def is_ready_again() -> bool:
        seen.add(ask(f"http://127.0.0.1:{port}/readyz"))
        return len(seen) > 2 and ask(f"http://127.0.0.1:{port}/readyz") == (200, "ready\n")

    await_that(is_ready_again)
    assert any(status == 503 and "partitions" in said for status, said in seen), seen


def test_a_taken_port_is_named_and_nothing_is_started(running: Running) -> None:
    ports = {name.removeprefix("HEADWATER_"): value for name, value in running.environment.items() if "_PORT" in name}
    ended = headwater(running.data, "up", "plan", limit_s=60, **ports)
    assert ended.code == 1
    assert f"port {running.port} of 127.0.0.1 cannot be used" in ended.err
    assert "remedy:" in ended.err
    assert "Traceback" not in ended.err
    assert "run against" not in ended.out


def test_ports_that_clash_are_refused_before_anything_starts(running: Running) -> None:
    ended = headwater(running.data, "up", METRICS_PORT=8598, limit_s=60)
    assert ended.code == 2
    assert "HEADWATER_METRICS_PORT 8598" in ended.err


# Ground to stand on.


def expressions() -> list[tuple[str, str]]:
    """Panel and expression of everything the dashboard asks."""
    dashboard = json.loads((INFRA / "grafana" / "dashboards" / "headwater.json").read_text())
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", ())]


def configure(folder: Path, port: int, alertmanager_port: int) -> None:
    """The shipped files with the ports of this test and times of seconds instead of minutes."""
    (folder / "alertmanagers.yaml").write_text(
        alertmanagers().replace("alertmanager:9093", f"127.0.0.1:{alertmanager_port}")
    )
    shipped = (INFRA / "prometheus" / "prometheus.yaml").read_text()
    quick = shipped.replace("8610", str(port)).replace("15s", "1s").replace("30s", "1s")
    (folder / "prometheus.yaml").write_text(quick)
    rules = (INFRA / "prometheus" / "alerts.yaml").read_text()
    (folder / "alerts.yaml").write_text(re.sub(r"^( +for:) \w+$", r"\1 4s", rules, flags=re.MULTILINE))


def alertmanagers() -> str:
    """The file as the operators' guide has it."""
    found = re.search(r"# infra/prometheus/alertmanagers\.yaml\n.+?(?=```)", OPERATORS.read_text(), re.DOTALL)
    assert found is not None
    return found[0]


@contextmanager
def alertmanager(told: list[dict[str, Any]]) -> Iterator[int]:
    """Takes alerts as Alertmanager does; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/api/v2/alerts":
                told.extend(json.loads(said))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def prometheus(folder: Path, address: str) -> list[str]:
    return [
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address.removeprefix('http://')}",
        "--log.level=warn",
    ]


@contextmanager
def process(command: list[Any], log: Path, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program until the block ends."""
    with log.open("wb") as said:
        running = subprocess.Popen(command, stdout=said, stderr=said, cwd=log.parent, **more)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(60)


def publish(running: Running) -> int:
    """Publishes the town's history; returns how many records that were."""
    settings = Settings(data=running.data, kafka=None, deployment=None, registry=None)  # type: ignore[call-arg]
    platform = Platform(settings)
    publisher = Publisher(platform.bootstrap, platform.registry, settings.event_partitions)
    for feed, contract in platform.deployment.contracts.items():
        publisher.publish(contract, _lines(running.history / "feeds" / f"{feed}.jsonl"), lambda: None)
    publisher.flush()
    topics = [contract.topic for contract in platform.deployment.contracts.values()]
    return sum(sum(end_offsets(platform.bootstrap, topic).values()) for topic in topics)


def await_settled(running: Running) -> None:
    """Until every stage has done what there is to do."""
    await_that(lambda: running.query("headwater_lag_records") and running.value("sum(headwater_lag_records)") == 0)
    time.sleep(3)
    await_that(lambda: running.value("sum(headwater_lag_records)") == 0)
    time.sleep(3)


def ask(address: str) -> tuple[int, str]:
    """Status and body, whatever the status; (0, "") when nobody answers."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()
    except OSError:
        return 0, ""


def await_that(is_so: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    """Waits until it is so; what is not there yet counts as not so."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            if is_so():
                return
        except (OSError, ProcessLookupError) as error:
            last: object = error
        else:
            last = "not so"
        assert time.monotonic() < deadline, last
        time.sleep(0.2)
