"""From an agency's published events to a recorded outcome, in a real browser, through every process.

An agency posts two statements of arrears by HTTP; the other feeds say that they have nothing new; the
offer appears on the open page of its team; a worker takes it, reaches the household, and records how
it ended; the counts, the metrics and the accounting tell the same.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from processors.offers.actions import ActionKind, OfferAction, OutcomeCode
from streams import topics
from streams.access import Kind
from streams.broker.ports import find_row
from streams.composition import Platform, access_file
from streams.kafka.log import read_topic
from streams.processes import STAGES
from streams.settings import Settings
from tests.integration.towns import HEADWATER, clean, headwater

PATIENCE_S = 60
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Running:
    """A platform with every process running, on an empty broker."""

    data: Path
    settings: dict[str, object]
    log: Path

    @property
    def board(self) -> str:
        return f"http://127.0.0.1:{self.settings['BOARD_PORT']}/"

    def run(self, *arguments: object) -> str:
        ended = headwater(self.data, *arguments, **self.settings)
        assert ended.code == 0, ended.out + ended.err
        return ended.out.strip()

    def get(self, port: str, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.settings[port]}{path}", timeout=10) as answer:
            return answer.read().decode()

    def post(self, path: str, code: str, body: object) -> tuple[int, dict]:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.settings['GATEWAY_PORT']}{path}",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {code}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.loads(answer.read())

    def platform(self) -> Platform:
        fixed = {"kafka": None, "broker_port": None, "deployment": None, "case_db": None, "register_db": None}
        return Platform(Settings(data=self.data, **fixed))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data = tmp_path_factory.mktemp("platform")
    first = find_row(len(STAGES) + 3)
    ports = {"METRICS_PORT": first, "BOARD_PORT": first + len(STAGES) + 1, "GATEWAY_PORT": first + len(STAGES) + 2}
    settings: dict[str, object] = {"CLOCK": "feeds", **ports}
    assert headwater(data, "broker", "start", **settings).code == 0
    log = data / "up.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [HEADWATER, "up"], env=clean(data, **settings), stdout=out, stderr=out, cwd=data, start_new_session=True
        )
    try:
        yield Running(data, settings, log)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
        headwater(data, "broker", "stop", **settings)


def test_from_published_events_to_a_recorded_outcome(running: Running, chromium: Browser) -> None:
    await_ready(running)
    page = chromium.new_page()
    sign_in(page, running, running.run("access", "issue", "team", "housing-prevention"))

    publish_arrears(running, running.run("access", "issue", "agency", "landlord"))
    hear_every_feed(running)

    offer = page.get_by_role("link", name="Rent arrears twice within half a year")
    expect(offer).to_be_visible(timeout=PATIENCE_S * 1000)  # nobody reloaded the page
    offer.click()
    expect(page.get_by_text("Landlord").first).to_be_visible()
    page.get_by_role("button", name="Take it").click()
    expect(page.get_by_text("Taken by Anna").first).to_be_visible(timeout=PATIENCE_S * 1000)
    page.get_by_role("button", name="I have contacted them").click()
    expect(page.get_by_role("button", name="I have contacted them")).to_have_count(0, timeout=PATIENCE_S * 1000)
    page.get_by_role("radio", name="Help has started").check()
    page.get_by_role("button", name="Record outcome").click()
    expect(page.get_by_text("Help has started").first).to_be_visible(timeout=PATIENCE_S * 1000)

    assert [(act.kind, act.outcome) for act in acts(running)] == [
        (ActionKind.TAKEN, None),
        (ActionKind.CONTACTED, None),
        (ActionKind.CLOSED, OutcomeCode.HELP_STARTED),
    ]
    wait_until(lambda: closed_offers(running) == 1, "the metrics count a closed offer")
    told = json.loads(running.run("verify", "--json"))
    assert told["holds"] is True, told
    assert told["offers"] == {"closed": 1}
    told_names = b"".join(message.value() or b"" for message in read_topic(running.platform().bootstrap, topics.OFFERS))
    assert b"Anna" not in told_names


def await_ready(running: Running) -> None:
    for port, path in (("BOARD_PORT", "/readyz"), ("GATEWAY_PORT", "/readyz")):
        wait_until(lambda port=port, path=path: is_answering(running, port, path), f"{port} is ready")


def is_answering(running: Running, port: str, path: str) -> bool:
    try:
        return bool(running.get(port, path))
    except OSError:
        return False


def wait_until(holds: object, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s until {what}"
        time.sleep(0.2)


def sign_in(page: Page, running: Running, code: str) -> None:
    page.goto(running.board)
    page.get_by_label("Your name").fill("Anna")
    page.locator("input[name=code]").fill(code)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Offers of Housing prevention")).to_be_visible()


def publish_arrears(running: Running, code: str) -> None:
    statements = [statement(number, NOW - timedelta(days=days)) for number, days in ((1, 60), (2, 20))]
    status, answer = running.post("/v1/events", code, {"contract": "rent-accounts", "events": statements})
    assert (status, len(answer["accepted"]), answer["rejected"]) == (202, 2, [])


def statement(number: int, at: datetime) -> dict:
    return {
        "messageRef": f"RA-{number}", "code": "N", "earlierRef": None,
        "account": {"number": "H-1", "dwelling": "Quay 1"},
        "tenants": [{"tenantNumber": "T00912", "nationalNumber": "85031512345", "isMain": True}],
        "situation": "ARREARS", "balanceCents": 100, "monthsOverdue": 1,
        "statementDate": f"{at:%d/%m/%Y}", "bookedOn": f"{at:%d/%m/%Y}",
    }  # fmt: skip


def hear_every_feed(running: Running) -> None:
    """Every agency says that it has nothing new up to now."""
    platform = running.platform()
    codes = access_file(platform.settings)
    for agency in {contract.agency for contract in platform.deployment.contracts.values()}:
        code = codes.issue(Kind.AGENCY, agency)
        for contract in platform.deployment.contracts.values():
            if contract.agency == agency:
                body = {"contract": contract.name, "up_to": NOW.isoformat()}
                assert running.post("/v1/heartbeats", code, body)[0] == 202


def acts(running: Running) -> list[OfferAction]:
    platform = running.platform()
    values = (platform.codec.decode(message.value()) for message in read_topic(platform.bootstrap, topics.OUTCOMES))
    return [value for value in values if isinstance(value, OfferAction)]


def closed_offers(running: Running) -> int:
    page = running.get("METRICS_PORT", "/")
    found = re.search(r"closed</t[hd]>\s*<td[^>]*>(\d+)", page)
    return int(found[1]) if found else -1
