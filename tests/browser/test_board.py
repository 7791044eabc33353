"""What duty teams do, in a real browser on a real database; plan's and deliver's parts are played."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import pytest
from playwright.sync_api import Page, expect

from processors.disclosure.model import ALL, Measure, Tally
from processors.disclosure.policy import DisclosurePolicy
from processors.disclosure.protect import protect
from processors.offers.actions import OutcomeCode
from processors.offers.model import OfferState
from sinks.aggregates import AggregateFiles
from sinks.board import create_app
from sinks.board.sessions import LONGEST_MS
from tests.browser.conftest import NARROW, WIDE, Town
from tests.browser.duty_town import CODE, TEAM, answer, offer, pictured, served, situation, wait_for, withdrawn

Check = Callable[[Page], None]


def path(number: int) -> str:
    return f"/offers/{offer(number).offer}"


def take(page: Page, town: Town, number: int) -> None:
    """Takes an offer and waits until plan has answered."""
    page.goto(path(number))
    page.get_by_role("button", name="Take it").click()
    expect(page.get_by_text("Taking this offer …")).to_be_visible()
    answer(town.store)
    expect(page.get_by_text("You are the contact of this household.", exact=False).first).to_be_visible()


class TestTheWayOfAnOffer:
    @pytest.mark.parametrize("is_narrow", [False, True])
    def test_from_the_list_to_the_outcome(self, town: Town, is_narrow: bool):
        town.store.apply(pictured())
        page = town.worker("Anna", NARROW if is_narrow else WIDE)
        page.get_by_role("link", name="Out of hospital to nobody at home").first.click()
        page.get_by_role("button", name="Take it").click()
        expect(page.get_by_text("Taking this offer …")).to_be_visible()
        answer(town.store)
        expect(page.locator("#live")).to_contain_text("This offer has changed. You are the contact of this household.")
        page.get_by_role("button", name="I have contacted them").click()
        expect(page.get_by_text("Recording the contact …")).to_be_visible()
        answer(town.store)
        expect(page.get_by_text("You have contacted this household.", exact=False).first).to_be_visible()
        page.get_by_label("They said: later").check()
        page.get_by_role("button", name="Record outcome").click()
        (record,) = answered(town)
        assert record.outcome is OutcomeCode.LATER
        expect(page.get_by_text("This offer is closed: the household said: later.").first).to_be_visible()
        page.goto("/ended")
        expect(page.get_by_text("Closed: the household said: later")).to_be_visible()

    def test_without_javascript(self, town: Town):
        town.store.apply(pictured())
        page = town.worker("Anna", has_javascript=False)
        page.get_by_role("link", name="Open", exact=True).click()
        page.get_by_role("link", name="Out of hospital to nobody at home").first.click()
        page.get_by_role("button", name="Take it").click()
        expect(page.get_by_text("Taking this offer …")).to_be_visible()
        answer(town.store)
        page.get_by_role("link", name="See whether it is done").click()
        page.get_by_role("button", name="I have contacted them").click()
        answer(town.store)
        page.get_by_role("link", name="See whether it is done").click()
        page.get_by_role("button", name="Record outcome").click()
        expect(page.get_by_role("alert")).to_contain_text("Select how it ended")
        page.get_by_label("Help has started").check()
        page.get_by_role("button", name="Record outcome").click()
        (record,) = answered(town)
        assert record.outcome is OutcomeCode.HELP_STARTED
        page.get_by_role("link", name="See whether it is done").click()
        expect(page.get_by_text("This offer is closed: help has started.")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()

    def test_with_the_keyboard_alone(self, town: Town):
        town.store.apply([offer(1)])
        page = town.visitor()
        page.goto("/")
        tab_to(page, "#name")
        page.keyboard.type("Anna")
        tab_to(page, "#code")
        page.keyboard.type(CODE)
        page.keyboard.press("Enter")
        page.wait_for_url("**/")
        tab_to(page, ".govuk-skip-link", most=1)
        page.keyboard.press("Enter")
        tab_to(page, f"#offer-{offer(1).offer}", most=5)
        page.keyboard.press("Enter")
        page.wait_for_url("**/offers/*")
        tab_to(page, "#take")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Taking this offer …")).to_be_visible()
        answer(town.store)
        expect(page.get_by_role("button", name="Record outcome")).to_be_visible()
        tab_to(page, "#record")
        page.keyboard.press("Enter")
        expect(page.locator(".govuk-error-summary")).to_be_focused()
        tab_to(page, ".govuk-error-summary a", most=1)
        page.keyboard.press("Enter")
        expect(page.locator("#outcome")).to_be_focused()
        page.keyboard.press("ArrowDown")
        tab_to(page, "#record", most=1)
        page.keyboard.press("Enter")
        (record,) = answered(town)
        assert record.outcome is OutcomeCode.LATER


class TestNews:
    def test_a_list_changes_by_itself_and_nobody_loses_their_place(self, town: Town):
        town.store.apply([offer(number) for number in range(1, 41)])
        page = town.worker("Ben", NARROW)
        link = page.locator(f"#offer-{offer(30).offer}")
        link.focus()
        before = page.evaluate("window.scrollY")
        assert before > 0
        town.store.apply([offer(41)])
        expect(page.locator("#live")).to_contain_text("The list has changed. 41 offers: 41 open, 0 yours, 0 overdue.")
        expect(link).to_be_focused()
        assert abs(page.evaluate("window.scrollY") - before) < 200
        assert page.locator("#live").get_attribute("aria-live") == "polite"

    def test_what_one_takes_the_other_sees(self, town: Town):
        town.store.apply([offer(1), offer(2)])
        anna, ben = town.worker("Anna"), town.worker("Ben")
        take(anna, town, 1)
        expect(ben.get_by_text("Taken by Anna")).to_be_visible()
        expect(ben.locator("#live")).to_contain_text("1 open, 0 yours")

    def test_a_choice_not_yet_sent_outlives_a_change(self, town: Town):
        town.store.apply([offer(1)])
        page = town.worker("Anna")
        take(page, town, 1)
        page.get_by_label("They said no").check()
        both = (situation(1, 0), situation(1, 1))
        anna = town.store.enrol(TEAM, "Anna").id
        town.store.apply([offer(1, version=3, state=OfferState.TAKEN, contact=anna, situations=both)])
        expect(page.get_by_role("heading", name="Job lost, rent unpaid", exact=False).first).to_be_visible()
        expect(page.get_by_label("They said no")).to_be_checked()
        expect(page.get_by_label("They said no")).to_be_focused()
        page.get_by_role("button", name="Record outcome").click()
        assert answered(town)[0].outcome is OutcomeCode.DECLINED

    def test_an_offer_that_is_withdrawn_while_it_is_read(self, town: Town):
        town.store.apply([offer(1)])
        page = town.worker("Anna")
        take(page, town, 1)
        town.store.apply([withdrawn(town.store, offer(1).offer)])
        expect(page.locator("#live")).to_contain_text("This offer was withdrawn: an agency took back")
        expect(page.get_by_role("button", name="Record outcome")).to_have_count(0)

    def test_a_board_that_is_started_anew(self, town: Town):
        with served(create_app(town.board)) as address:
            port = int(address.rpartition(":")[2])
            page = town.visitor()
            page.goto(f"{address}/sign-in")
            page.get_by_label("Your name").fill("Anna")
            page.get_by_label("Code of your team", exact=True).fill(CODE)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_text("There is no offer for your team just now.")).to_be_visible()
        expect(page.locator("#live")).to_contain_text("News cannot come in just now.")
        town.store.apply([offer(1)])
        with served(create_app(town.board), port):
            expect(page.get_by_role("link", name="Rent arrears twice within half a year")).to_be_visible(timeout=30_000)
            page.context.close()
        town.open_ones.clear()


class TestTwoAtOnce:
    def test_both_click(self, town: Town):
        town.store.apply([offer(1)])
        anna, ben = town.worker("Anna"), town.worker("Ben")
        for page in (anna, ben):
            page.goto(path(1))
        # Ben clicks while Anna's click is on its way: news of hers would take his button away.
        anna.route("**/take", lambda route: (click(ben), route.continue_()))
        click(anna)
        for page in (anna, ben):
            expect(page.locator(".board-doing")).to_be_visible()
        (record,) = answered(town)
        winner = town.store.workers([record.contact])[record.contact].name
        loser = ben if winner == "Anna" else anna
        expect(
            loser.get_by_text(f"{winner} was faster: {winner} is now the contact of this household.")
        ).to_be_visible()
        expect(loser.get_by_text(f"Talk to {winner} before you do anything", exact=False)).to_be_visible()

    def test_a_double_click_is_one(self, town: Town):
        town.store.apply([offer(1)])
        page = town.worker("Anna", has_javascript=False)
        page.goto(path(1))
        page.get_by_role("button", name="Take it").dblclick(no_wait_after=True)
        expect(page.get_by_text("Taking this offer …")).to_be_visible()
        assert len(town.store.outbox(9)) == 1


class TestSessions:
    def test_a_page_whose_stream_is_refused_goes_to_sign_in(self, town: Town):
        """The session ends between the page and its stream."""
        page = town.worker("Anna")
        page.route("**/events*", lambda route: (time.sleep(1), route.continue_()))
        page.goto("/?show=open")
        town.board.wall.at += LONGEST_MS  # type: ignore[attr-defined]
        expect(page.get_by_text("You were signed out after 8 hours", exact=False)).to_be_visible(timeout=15_000)

    def test_an_open_page_goes_to_sign_in_when_the_time_is_over(self, town: Town):
        page = town.worker("Anna")
        page.goto("/?show=open")
        expect(page.get_by_text("0 offers")).to_be_visible()
        town.board.wall.at += LONGEST_MS  # type: ignore[attr-defined]
        town.store.apply([offer(1)])
        expect(page.get_by_text("You were signed out after 8 hours", exact=False)).to_be_visible()
        page.get_by_label("Your name").fill("Anna")
        page.get_by_label("Code of your team", exact=True).fill(CODE)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/?show=open*")

    def test_in_the_middle_of_a_form(self, town: Town):
        town.store.apply([offer(1)])
        page = town.worker("Anna")
        take(page, town, 1)
        page.get_by_label("They said no").check()
        town.board.wall.at += LONGEST_MS  # type: ignore[attr-defined]
        page.get_by_role("button", name="Record outcome").click()
        expect(page.get_by_text("Nothing was lost", exact=False)).to_be_visible()
        page.get_by_label("Your name").fill("Anna")
        page.get_by_label("Code of your team", exact=True).fill(CODE)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_label("They said no")).to_be_checked()


class TestAccessibility:
    @pytest.mark.parametrize("size", [WIDE, NARROW, (320, 640)], ids=lambda size: str(size[0]))
    def test_every_page_and_state(self, town: Town, check_accessible: Check, size: tuple[int, int]):
        town.store.apply(pictured())
        publish(town)
        titles: list[str] = []

        def check(page: Page) -> None:
            check_accessible(page)
            titles.append(page.title())

        page = town.visitor(size)
        page.goto("/sign-in")
        check(page)
        page.get_by_role("button", name="Sign in").click()
        check(page)
        check(visited(page, "/aggregates"))
        page.get_by_text("How small numbers are protected").click()
        check_accessible(page)
        page = town.worker("Anna", size)
        check(page)
        check_accessible(visited(page, "/?show=mine"))
        check(visited(page, "/ended"))
        check(visited(page, "/nothing"))
        check(visited(page, path(1)))
        page.get_by_role("button", name="Take it").click()
        expect(page.get_by_text("Taking this offer …")).to_be_visible()
        check(page)
        answer(town.store)
        expect(page.get_by_role("button", name="Record outcome")).to_be_visible()
        check_accessible(page)
        check(visited(page, path(1)))
        page.get_by_role("button", name="Record outcome").click()
        check(page)
        page.get_by_role("button", name="Show who this is").click()
        check(page)
        page.goto(path(1))
        page.get_by_label("They said no").check()
        page.get_by_role("button", name="Record outcome").click()
        answer(town.store)
        expect(page.get_by_text("This offer is closed", exact=False).first).to_be_visible()
        check(visited(page, path(1)))
        ben = town.worker("Ben", size)
        take(ben, town, 2)
        visited(page, path(2)).get_by_text("Take over from Ben").click()
        check(page)
        check_accessible(visited(page, "/ended"))
        assert len(set(titles)) == len(titles)

    @pytest.mark.parametrize("result", ["overtaken", "stale", "impossible"])
    def test_what_is_said_when_it_was_not_possible(self, town: Town, check_accessible: Check, result: str):
        town.store.apply([offer(1)])
        page = town.worker("Anna")
        # No news, and no part either: a page that hears nothing asks for its part, and would lose the button by it.
        for news in ("**/events*", "**/offers/*?seen=*"):
            page.route(news, lambda route: route.fulfill(status=204))
        page.goto(path(1))
        if result == "overtaken":
            take(town.worker("Ben"), town, 1)
        elif result == "stale":
            town.store.apply([offer(1, version=2)])
        else:
            town.store.apply([withdrawn(town.store, offer(1).offer)])
        page.get_by_role("button", name="Take it").click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_role("alert")).to_be_focused()
        check_accessible(page)

    def test_very_long_words_stay_on_the_page(self, town: Town, check_accessible: Check):
        long = situation(1, 0, title="Unbreakable" * 30, explanation="w" * 3000 + " and more of it" * 2000)
        town.store.apply([offer(1, situations=(long,))])
        page = town.worker("N" * 60, (320, 640))
        check_accessible(page)
        check_accessible(visited(page, path(1)))


class TestMany:
    def test_ten_thousand_offers(self, town: Town):
        town.store.apply([offer(number) for number in range(1, 10_001)])
        page = town.worker("Anna")
        began = time.monotonic()
        page.goto("/?page=200")
        took = time.monotonic() - began
        expect(page.get_by_text("Page 200 of 200.", exact=False)).to_be_visible()
        assert took < 3
        page.goto("/")
        town.store.apply([offer(10_001)])
        expect(page.locator("#live")).to_contain_text("10001 offers", timeout=30_000)


class TestPostgres:
    @pytest.fixture
    def case_db_url(self, postgres_database: str) -> str:
        return postgres_database

    def test_many_at_once_one_is_the_contact(self, town: Town):
        TestTwoAtOnce().test_both_click(town)

    def test_the_database_goes_away_and_comes_back(self, town: Town, case_db_url: str, postgres_url: str):
        town.store.apply([offer(1)])
        page = town.worker("Anna")
        expect(page.get_by_text("1 offer:", exact=False)).to_be_visible()
        name = case_db_url.rpartition("/")[2]
        with psycopg.connect(postgres_url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as server:
            server.execute(f'alter database "{name}" with allow_connections false')
            server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
            response = page.goto("/")
            assert response is not None
            assert response.status == 503
            expect(page.get_by_role("heading", name="The board cannot reach its database")).to_be_visible()
            server.execute(f'alter database "{name}" with allow_connections true')
        page.goto("/")
        expect(page.get_by_text("1 offer:", exact=False)).to_be_visible()


def click(page: Page) -> None:
    """Takes the offer that is shown, without waiting for what comes of it."""
    page.get_by_role("button", name="Take it").dispatch_event("click")


def answered(town: Town) -> list:
    """What plan made of the action that is under way."""
    wait_for(lambda: town.store.outbox(1))
    return answer(town.store)


def visited(page: Page, where: str) -> Page:
    page.goto(where)
    return page


def tab_to(page: Page, selector: str, most: int = 40) -> None:
    """Presses Tab until the element has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} is not reached by {most} times Tab")


def publish(town: Town) -> None:
    """A week of figures, as the disclosure control lets them out."""
    week, areas = "2025-W47", ("riverbend", "millbrook", "highfield")
    counts = {
        (Measure.EVENTS, "job_lost"): (37, 52, 31),
        (Measure.EVENTS, "rent_arrears_reported"): (44, 7, 26),
        (Measure.OUTCOMES, "help-started"): (14, 23, 3),
        (Measure.OUTCOMES, "lapsed"): (2, 11, 0),
    }
    tallies = [
        Tally(measure, area, type_, count, count)
        for (measure, type_), found in counts.items()
        for area, count in zip((*areas, ALL), (*found, sum(found)), strict=True)
    ]
    policy = DisclosurePolicy(least=town.board.least)
    AggregateFiles(town.board.aggregates).write(week, protect(week, tallies, policy))
