"""A real Chromium, and the board served to it on a real case database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from sinks.board import BoardContext, RevealedPerson, create_app
from sinks.case_db import CaseStore, connect, upgrade
from tests.browser.duty_town import CODE, Register, context, served

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE, NARROW = (1280, 900), (390, 800)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
INVENTED = RevealedPerson("Invented Name", "1980-02-03", "nl", {"phone": "02 000"}, ("Invented Street 1",), ())


@dataclass
class Watched:
    """A page, and all it complained of or asked elsewhere for."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self, address: str) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self._heard(said.type, said.text))
        self.page.on("request", lambda asked: self._asked(asked.url, address))

    def _heard(self, kind: str, words: str) -> None:
        # The browser reports every answer of 4xx and 5xx, htmx every cut of the news: that is what tests ask for.
        is_expected = words.startswith("Failed to load resource") or words == "[object Event]"
        if kind in {"error", "warning"} and not is_expected:
            self.complaints.append(words)

    def _asked(self, url: str, address: str) -> None:
        if not url.startswith((address, "data:")):
            self.complaints.append(f"asked for {url}")


@dataclass
class Town:
    """The board at work: where it is, what it works on, and browsers to open it with."""

    address: str
    store: CaseStore
    board: BoardContext
    browser: Browser
    open_ones: list[tuple[BrowserContext, Watched]] = field(default_factory=list)

    def visitor(self, size: tuple[int, int] = WIDE, *, has_javascript: bool = True) -> Page:
        """A browser of its own, with nobody signed in."""
        width, height = size
        own = self.browser.new_context(
            viewport={"width": width, "height": height}, java_script_enabled=has_javascript, base_url=self.address
        )
        own.set_default_timeout(15_000)
        watched = Watched(own.new_page())
        watched.listen(self.address)
        self.open_ones.append((own, watched))
        return watched.page

    def worker(self, name: str, size: tuple[int, int] = WIDE, *, has_javascript: bool = True, code: str = CODE) -> Page:
        """A browser of its own, in which somebody has signed in."""
        page = self.visitor(size, has_javascript=has_javascript)
        page.goto("/sign-in")
        page.get_by_label("Your name").fill(name)
        page.get_by_label("Code of your team", exact=True).fill(code)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        return page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One per module: while it is open, playwright's event loop keeps other tests of the process from theirs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def case_db_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'cases.db'}"


@pytest.fixture
def store(case_db_url: str) -> Iterator[CaseStore]:
    engine = connect(case_db_url)
    upgrade(engine)
    found = CaseStore(engine)
    yield found
    found.close()


@pytest.fixture
def board(store: CaseStore, tmp_path: Path) -> BoardContext:
    people = Register({f"p{number}": INVENTED for number in range(20)})
    return context(store, tmp_path / "aggregates", reveal=people)


@pytest.fixture
def town(board: BoardContext, store: CaseStore, chromium: Browser) -> Iterator[Town]:
    with served(create_app(board)) as address:
        found = Town(address, store, board, chromium)
        yield found
        complaints = [each for _, watched in found.open_ones for each in watched.complaints]
        for own, _ in found.open_ones:
            own.close()
    assert complaints == []


@pytest.fixture(scope="session")
def check_accessible() -> Callable[[Page], None]:
    axe = Axe()

    def check(page: Page) -> None:
        found = axe.run(page, options=RULES).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == [], page.url
        assert headings_in_order(page), page.url
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            f"{page.url} scrolls sideways"
        )

    return check


def headings_in_order(page: Page) -> bool:
    """One first heading, and no level is skipped."""
    levels = page.eval_on_selector_all("main h1, main h2, main h3, main h4", "all => all.map(one => +one.tagName[1])")
    # An error summary or a banner stands before the first heading, as GOV.UK's pattern has it.
    from_first = levels[levels.index(1) :]
    return levels.count(1) == 1 and all(after <= before + 1 for before, after in pairwise(from_first))
