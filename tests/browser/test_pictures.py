"""The pictures of docs/duty-teams.md, taken of the pages as they are; none of a page with an identity.

`pytest tests/browser/test_pictures.py --rewrite-pictures` puts them into docs/pictures.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from processors.offers.actions import ActionKind
from sinks.case_db.values import Scope, Wish
from tests.browser.conftest import NARROW, Town
from tests.browser.duty_town import AREAS, NOW, TEAM, answer, pictured
from tests.browser.test_board import path, publish

SIZE = (1100, 760)
DOCS = Path(__file__).parents[2] / "docs"


def picture(page: Page, folder: Path, name: str) -> None:
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=folder / f"{name}.png", full_page=True, animations="disabled")


def test_pictures(town: Town, pictures: Path):
    offers = pictured()
    town.store.apply(offers)
    ben = town.store.enrol(TEAM, "Ben")
    for number in (3, 5):
        wish = Wish(offers[number - 1].offer, 1, ActionKind.TAKEN, None, NOW)
        town.store.act(Scope(TEAM, AREAS), ben, wish)
    answer(town.store)
    publish(town)

    page = town.worker("Anna", SIZE)
    picture(page, pictures, "list")
    page.goto(path(1))
    picture(page, pictures, "offer")
    page.get_by_role("button", name="Take it").click()
    answer(town.store)
    expect(page.get_by_role("button", name="Record outcome")).to_be_visible()
    page.goto(path(1))
    outcome = page.locator("#ending")
    outcome.screenshot(path=pictures / "outcome.png", animations="disabled")
    page.locator(".board-panel").screenshot(path=pictures / "contact.png", animations="disabled")
    page.goto("/aggregates")
    picture(page, pictures, "figures")
    picture(town.worker("Anna", NARROW), pictures, "phone")

    taken = {file.stem for file in pictures.glob("*.png")}
    shown = (DOCS / "duty-teams.md").read_text(encoding="utf-8")
    assert {name for name in taken if f"(pictures/{name}.png)" in shown} == taken
    assert {file.stem for file in (DOCS / "pictures").glob("*.png")} == taken
