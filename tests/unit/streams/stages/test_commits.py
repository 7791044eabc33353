"""Commits share transactions, one at a time, and whoever waits hears what came of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.kafka.committer import Progress
from streams.stages import commits as committing
from streams.stages.commits import Commits

EVER_S = 30.0


class Broker:
    """Takes transactions; the first one waits until it is let through."""

    delivered: dict[tuple[str, int], int] = {("out", 0): 5}  # noqa: RUF012 - never written to

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.transactions: list[list[int]] = []
        self.fault: KafkaException | None = None

    def commit(self, ready: Sequence[Progress]) -> None:
        """One transaction."""
        self.entered.set()
        assert self.gate.wait(EVER_S)
        if self.fault is not None:
            raise self.fault
        self.transactions.append([progress.source[1] for progress in ready])


def commits(broker: Broker) -> Commits:
    untimed: Any = type("Untimed", (), {"commit": nullcontext, "transaction": nullcontext})()
    return Commits(broker, untimed, untimed)  # type: ignore[arg-type]


def progress(partition: int) -> Progress:
    return Progress(("in", partition), 1, "")


async def first_waits_others_come(broker: Broker, shared: Commits) -> list[object]:
    """Three partitions come while the transaction of a first one is under way."""
    waiting = [asyncio.ensure_future(shared.commit(progress(0)))]
    assert await asyncio.to_thread(broker.entered.wait, EVER_S)
    waiting += [asyncio.ensure_future(shared.commit(progress(number))) for number in (1, 2, 3)]
    await asyncio.sleep(0)
    assert broker.transactions == []
    broker.gate.set()
    return list(await asyncio.gather(*waiting, return_exceptions=True))


def test_whatever_comes_during_a_transaction_shares_the_next() -> None:
    broker = Broker()
    told = asyncio.run(first_waits_others_come(broker, commits(broker)))
    assert broker.transactions == [[0], [1, 2, 3]]
    assert told == [broker.delivered] * 4


def test_a_transaction_that_fails_fails_for_everybody_in_it() -> None:
    broker = Broker()
    broker.fault = KafkaException(KafkaError(KafkaError._FENCED))
    assert asyncio.run(first_waits_others_come(broker, commits(broker))) == [broker.fault] * 4


def test_after_a_pause_it_commits_again() -> None:
    broker = Broker()
    broker.gate.set()

    async def twice() -> None:
        shared = commits(broker)
        await shared.commit(progress(0))
        await asyncio.sleep(0)
        async with asyncio.timeout(EVER_S):
            await shared.commit(progress(1))

    asyncio.run(twice())
    assert broker.transactions == [[0], [1]]


def test_with_little_traffic_more_comes_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is committed at once; what follows shortly after waits for its neighbours."""
    monkeypatch.setattr(committing, "PACE_S", 0.5)
    broker = Broker()
    broker.gate.set()

    async def one_after_the_other() -> None:
        shared = commits(broker)
        await shared.commit(progress(0))
        waiting = list[asyncio.Future[Any]]()
        for number in (1, 2, 3):
            waiting.append(asyncio.ensure_future(shared.commit(progress(number))))
            for _ in range(5):
                await asyncio.sleep(0)
        await asyncio.gather(*waiting)

    asyncio.run(one_after_the_other())
    assert broker.transactions == [[0], [1, 2, 3]]


def test_who_no_longer_waits_does_not_disturb_the_others() -> None:
    broker = Broker()

    async def one_gives_up() -> None:
        shared = commits(broker)
        first = asyncio.ensure_future(shared.commit(progress(0)))
        assert await asyncio.to_thread(broker.entered.wait, EVER_S)
        gone, still = (asyncio.ensure_future(shared.commit(progress(number))) for number in (1, 2))
        await asyncio.sleep(0)
        gone.cancel()
        broker.gate.set()
        await asyncio.gather(first, still)
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(one_gives_up())
    assert broker.transactions == [[0], [1, 2]]
