"""The operator's page in a real browser: axe finds nothing, on a wide and a narrow screen, well and ill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from processors.offers.model import OfferState
from sinks.metrics import Meters
from streams.broker.ports import find_row
from streams.observing.health import Health
from streams.observing.ports import places
from streams.observing.process import routes_of
from streams.observing.server import serving
from streams.observing.supervision import supervised
from streams.processes import STAGES
from streams.settings import Settings

FEEDS = {"court.eviction-proceedings": 259_200_000, "prison.releases": 259_200_000}
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 640}


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """The page of little processes, one for each of the platform's; the parameter names those that are down."""
    down = request.param
    port = find_row(len(STAGES) + 3)
    board = port + len(STAGES) + 1
    settings = Settings(metrics_port=port, board_port=board, gateway_port=board + 1)
    with ExitStack() as stack:
        for place in places(settings, STAGES):
            if place.process not in down:
                health = Health()
                health.be_ready()
                stack.enter_context(serving("127.0.0.1", place.port, routes_of(figures(place.process), health)))
        yield stack.enter_context(supervised(settings, STAGES)).address


def figures(process: str) -> Meters:
    meters = Meters(process)
    if process == "correlate":
        meters.expect_feeds(FEEDS)
        for number, feed in enumerate(FEEDS):
            meters.watermark_delay.labels(feed).set(7_000 + number * 4_000)
    if process == "deliver":
        meters.show_offers({OfferState.OPEN: 412, OfferState.LAPSED: 1_207}, {})
    if process == "intake":
        meters.lag.labels("intake", "events", 0).set(1_204)
        meters.dead_letters.labels("intake", "not-avro").inc(3)
    return meters


def check(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("screen", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("address", [(), ("deliver", "correlate")], ids=["well", "ill"], indirect=True)
def test_the_page_is_accessible(chromium: Browser, address: str, screen: dict, tmp_path: Path) -> None:
    page = chromium.new_page(viewport=screen, java_script_enabled=True)
    page.goto(f"{address}still")
    check(page)
    # What is wider than the screen scrolls by itself, the page does not.
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"]
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    page.close()


@pytest.mark.parametrize("address", [("deliver",)], ids=["ill"], indirect=True)
def test_it_says_what_is_wrong_and_stops_reading_anew_when_asked(chromium: Browser, address: str) -> None:
    page = chromium.new_page(java_script_enabled=False)
    page.goto(address)
    expect(page).to_have_title("Needs attention - Headwater operations")
    expect(page.get_by_role("heading", level=1)).to_have_text("Needs attention")
    expect(page.get_by_role("listitem")).to_have_text(
        "deliver does not answer: duty teams do not see new offers or withdrawals."
    )
    expect(page.get_by_role("row", name="intake")).to_contain_text("1,204")
    page.get_by_role("link", name="Stop this").click()
    expect(page.get_by_text("This page stands still.")).to_be_visible()
    page.close()


@pytest.mark.parametrize("address", [()], ids=["well"], indirect=True)
def test_all_is_well(chromium: Browser, address: str) -> None:
    page = chromium.new_page()
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("All is well")
    expect(page.get_by_role("row", name="prison.releases")).to_contain_text("3 hours")
    expect(page.get_by_role("row", name="open")).to_contain_text("412")
    page.close()
