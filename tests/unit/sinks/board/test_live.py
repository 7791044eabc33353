"""News: one look a period for a team however many listen, none when nobody does, none lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest

from sinks.board.live import Live
from sinks.case_db import CaseStoreUnavailable
from sinks.case_db.values import Scope

SCOPE = Scope("team", ("a",))
PERIOD_S = 0.05


class List:
    """A list somebody changes; counts how often it is looked at."""

    def __init__(self, cost_s: float = 0.0) -> None:
        self.digest = "1"
        self.looks = 0
        self.is_away = False
        self.is_broken = False
        self._cost_s = cost_s

    def __call__(self, scope: Scope) -> str:
        self.looks += 1
        time.sleep(self._cost_s)
        if self.is_away:
            raise CaseStoreUnavailable("gone", "bring it back")
        if self.is_broken:
            raise RuntimeError("secret cause")
        return f"{scope.team}-{self.digest}"


async def first(news: AsyncIterator[str]) -> str:
    return await asyncio.wait_for(anext(news), 5)


def told(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


def test_what_stands_is_told_unless_it_was_seen():
    async def test() -> None:
        live = Live(List(), PERIOD_S)
        async with aclosing(live.follow(SCOPE, "")) as news:
            assert await first(news) == "team-1"
        async with aclosing(live.follow(SCOPE, "team-1")) as news:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(news), 5 * PERIOD_S)

    told(test)


def test_many_listeners_are_one_look():
    async def test() -> None:
        looked_at = List()
        live = Live(looked_at, PERIOD_S)
        listeners = [live.follow(SCOPE, "team-1") for _ in range(50)]
        waiting = [asyncio.create_task(first(each)) for each in listeners]
        await asyncio.sleep(4 * PERIOD_S)
        before = looked_at.looks
        looked_at.digest = "2"
        assert set(await asyncio.gather(*waiting)) == {"team-2"}
        assert before <= 5
        assert looked_at.looks <= before + 2
        for each in listeners:
            await each.aclose()

    told(test)


def test_nobody_listens_nobody_looks():
    async def test() -> None:
        looked_at = List()
        live = Live(looked_at, PERIOD_S)
        for _ in range(3):
            async with aclosing(live.follow(SCOPE, "")) as news:
                await first(news)
        before = looked_at.looks
        await asyncio.sleep(4 * PERIOD_S)
        assert looked_at.looks == before

    told(test)


def test_two_teams_hear_of_their_own_list():
    async def test() -> None:
        live = Live(List(), PERIOD_S)
        async with aclosing(live.follow(SCOPE, "")) as one, aclosing(live.follow(Scope("other", ()), "")) as other:
            assert (await first(one), await first(other)) == ("team-1", "other-1")

    told(test)


def test_while_the_database_is_away_nothing_is_told_and_nothing_is_lost():
    async def test() -> None:
        looked_at = List()
        live = Live(looked_at, PERIOD_S)
        async with aclosing(live.follow(SCOPE, "team-1")) as news:
            looked_at.is_away = True
            waiting = asyncio.create_task(first(news))
            await asyncio.sleep(4 * PERIOD_S)
            looked_at.digest = "2"
            assert not waiting.done()
            looked_at.is_away = False
            assert await waiting == "team-2"

    told(test)


def test_a_fault_nobody_expected_is_noted_and_the_next_look_tells(capfd: pytest.CaptureFixture[str]):
    async def test() -> None:
        looked_at = List()
        live = Live(looked_at, PERIOD_S)
        async with aclosing(live.follow(SCOPE, "team-1")) as news:
            looked_at.is_broken = True
            waiting = asyncio.create_task(first(news))
            await asyncio.sleep(4 * PERIOD_S)
            looked_at.digest = "2"
            looked_at.is_broken = False
            assert await waiting == "team-2"

    told(test)
    printed = "".join(capfd.readouterr())
    assert "RuntimeError" in printed
    assert "secret cause" not in printed


def test_a_slow_look_is_followed_by_a_long_rest():
    async def test() -> None:
        looked_at = List(cost_s=0.1)
        live = Live(looked_at, 0.01)
        async with aclosing(live.follow(SCOPE, "")) as news:
            await first(news)
            await asyncio.sleep(0.7)
            assert looked_at.looks == 1

    told(test)
