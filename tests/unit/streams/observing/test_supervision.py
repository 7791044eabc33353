"""The operator's page and the targets, from answers of real little servers and of nobody."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from processors.offers.model import OfferState, Reason
from sinks.metrics import Meters
from streams.broker.ports import find_row
from streams.errors import WrongUse
from streams.observing.health import Health
from streams.observing.overview import MEANING, duration, overview
from streams.observing.ports import Place, places
from streams.observing.process import routes_of
from streams.observing.processes import Seen, look
from streams.observing.server import Answer, serving
from streams.observing.standing import Standing
from streams.observing.supervision import supervised
from streams.processes import STAGES, with_workers
from streams.settings import Settings

FEED = "court.eviction-proceedings"


def correlate(delay_s: float | None, settles_s: float = 3600) -> Meters:
    meters = Meters("correlate")
    meters.expect_feeds({FEED: int(settles_s * 1000)})
    if delay_s is not None:
        meters.watermark_delay.labels(FEED).set(delay_s)
    return meters


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def seen(stack: ExitStack, *processes: Meters, is_ready: bool = True) -> tuple[Seen, ...]:
    """What processes with these meters answer."""
    found = []
    for meters in processes:
        health = Health()
        if is_ready:
            health.be_ready()
        port = stack.enter_context(serving("127.0.0.1", 0, routes_of(meters, health)))
        found.append(Place(meters.process, port))
    return look("127.0.0.1", found)


def test_every_process_has_its_meaning() -> None:
    assert tuple(MEANING) == STAGES


def test_all_is_well(stack: ExitStack) -> None:
    deliver = Meters("deliver")
    deliver.show_offers({OfferState.OPEN: 3}, {Reason.COOL_DOWN: 2})
    page = overview(seen(stack, correlate(60.0), deliver), {"deliver": Standing(restarts=1)})
    assert page.attention == ()
    assert [(line.name, line.state, line.restarts) for line in page.processes] == [
        ("correlate", "ready", 0),
        ("deliver", "ready", 1),
    ]
    assert [(line.behind, line.is_silent) for line in page.feeds] == [("1 minute", False)]
    assert page.offers["open"] == 3
    assert page.suppressed["cool-down"] == 2


def test_lag_and_dead_letters_are_added_up(stack: ExitStack) -> None:
    intake = Meters("intake")
    intake.lag.labels("intake", "a", 0).set(1200)
    intake.lag.labels("intake", "a", 1).set(34)
    intake.dead_letters.labels("intake", "not-avro").inc(2)
    intake.dead_letters.labels("intake", "truncated").inc(5)
    intake.dead_letters.labels("intake", "unknown-type")
    page = overview(seen(stack, intake), {})
    assert (page.processes[0].waiting, page.processes[0].dead_letters) == ("1,234", "7")
    assert list(page.dead_letters.items()) == [("truncated", 5), ("not-avro", 2)]


@pytest.mark.parametrize(
    ("delay_s", "settles_s", "is_silent"),
    [(None, 0, True), (172_800, 0, False), (172_801, 0, True), (604_000, 604_800, False), (604_801, 604_800, True)],
)
def test_a_feed_is_silent_beyond_two_days_or_what_its_contract_lets_it_take(
    stack: ExitStack, delay_s: float | None, settles_s: float, is_silent: bool
) -> None:
    page = overview(seen(stack, correlate(delay_s, settles_s)), {})
    assert page.feeds[0].is_silent is is_silent
    assert any(FEED in each for each in page.attention) is is_silent


def test_what_is_held_needs_somebody(stack: ExitStack) -> None:
    intake, plan = Meters("intake"), Meters("plan")
    intake.feed_held.labels(FEED, "events.of.it", "officer").set(1_700_000_000)
    plan.situations_paused.set(12)
    held, paused = overview(seen(stack, intake, plan), {}).attention
    assert held.startswith(f"{FEED} has been held since 2023-11-14T22:13:20Z")
    assert f"headwater resume --feed {FEED}" in held
    assert paused.startswith("12 situations become no offers")


def test_feeds_are_not_judged_before_correlate_is_ready(stack: ExitStack) -> None:
    page = overview(seen(stack, correlate(None), is_ready=False), {})
    assert page.feeds == ()
    assert page.attention == (
        "correlate is not ready (waits for its start): no situation is found; what happened waits on the log.",
    )


def test_what_does_not_answer_answers_rubbish_or_hangs_is_shown_as_down_soon(stack: ExitStack) -> None:
    silent = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
    rubbish = {path: lambda _: Answer(b"<html>not what you think</html>") for path in ("/readyz", "/metrics")}
    places_ = [
        Place("intake", find_row(11)),
        Place("plan", silent.getsockname()[1]),
        Place("relay", stack.enter_context(serving("127.0.0.1", 0, rubbish))),
    ]
    begun = time.monotonic()
    found = look("127.0.0.1", places_)
    assert time.monotonic() - begun < 5
    assert [each.readiness for each in found] == [None, None, None]
    assert [line.state for line in overview(found, {}).processes] == ["does not answer"] * 3


def test_text_from_outside_cannot_become_markup(stack: ExitStack) -> None:
    port, health = find_row(11), Health()
    health.wait_for("<script>alert(1)</script>")
    stack.enter_context(serving("127.0.0.1", port + 1, routes_of(Meters("intake"), health)))
    with supervised(Settings(metrics_port=port, board_port=1, gateway_port=2), ["intake"]) as supervision:
        page = fetch(supervision.address)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_supervisor_serves_page_targets_and_its_own_metrics(stack: ExitStack) -> None:
    port = find_row(11)
    settings = Settings(metrics_port=port, board_port=1, gateway_port=2)
    with supervised(settings, ["intake", "relay", "board"]) as supervision:
        assert supervision.address == f"http://127.0.0.1:{port}/"
        assert json.loads(fetch(f"{supervision.address}targets")) == [
            {"targets": [f"127.0.0.1:{port + 1}"], "labels": {"process": "intake"}},
            {"targets": [f"127.0.0.1:{port + 1 + STAGES.index('relay')}"], "labels": {"process": "relay"}},
            {"targets": [f"127.0.0.1:{port + 1 + STAGES.index('board')}"], "labels": {"process": "board"}},
        ]
        supervision.note("relay", Standing(restarts=1, ends_in_a_row=2, pause_s=0.8, failing_since=1000.0, code=3))
        supervision.note("relay", Standing(restarts=2, ends_in_a_row=3, pause_s=1.6, failing_since=1000.0, code=3))
        told = fetch(f"{supervision.address}metrics")
        assert 'headwater_stage_restarts_total{stage="relay"} 2.0' in told
        assert 'headwater_stage_restart_pause_seconds{stage="relay"} 1.6' in told
        assert 'headwater_stage_failing_since_timestamp_seconds{stage="relay"} 1000.0' in told
        assert 'headwater_stage_failing_since_timestamp_seconds{stage="board"} 0.0' in told
        assert "relay ends again and again (3 times since 00:16 UTC, code 3;" in fetch(supervision.address)
        assert "Needs attention" in fetch(supervision.address)
        with urllib.request.urlopen(supervision.address) as answer:
            assert answer.headers["Refresh"] == "15"
        with urllib.request.urlopen(f"{supervision.address}still") as answer:
            assert answer.headers["Refresh"] is None
        assert supervision.environments["intake"] == {"HEADWATER_METRICS_PORT": str(port + 1)}


def test_without_a_port_there_is_no_page_and_nobody_is_told_a_port() -> None:
    with supervised(Settings(metrics_port=None), STAGES) as supervision:
        assert (supervision.address, supervision.environments) == ("", {})
        supervision.note("plan", Standing(restarts=1))
        assert supervision.standings == {"plan": Standing(restarts=1)}


def test_ports_are_the_same_whichever_processes_run() -> None:
    settings = Settings(metrics_port=9000, board_port=8600, gateway_port=8601)
    assert places(settings, ["relay"]) == (Place("relay", 9001 + STAGES.index("relay")),)
    assert set(places(settings, ["relay"])) < set(places(settings, STAGES))


def test_workers_of_a_stage_have_ports_of_their_own_and_the_first_one_the_stages() -> None:
    settings = Settings(metrics_port=9000, board_port=8600, gateway_port=8601)
    found = {place.process: place.port for place in places(settings, with_workers(STAGES, 3))}
    assert len(set(found.values())) == len(found) == 5 * 3 + 4
    one = {place.process: place.port for place in places(settings, STAGES)}
    assert [found["plan-1"], found["board"]] == [one["plan"], one["board"]]
    assert found["plan-3"] == one["plan"] + 2 * len(STAGES)
    assert {place.process: place.port for place in places(settings, ["plan-1", "plan-2"])}.items() <= found.items()
    with pytest.raises(WrongUse, match="9001 and the 23 ports"):
        places(Settings(metrics_port=9001, board_port=9020, gateway_port=1), with_workers(STAGES, 3))


def test_several_workers_are_shown_each_and_feeds_and_offers_once(stack: ExitStack) -> None:
    workers = seen(stack, correlate(60.0), correlate(7_200.0), Meters("deliver"))
    names = ("correlate-1", "correlate-2", "deliver-1")
    named = [replace(each, process=name) for each, name in zip(workers, names, strict=True)]
    page = overview(named, {"correlate-2": Standing(4, 3, 1.6, 1000.0, 70)})
    assert [line.name for line in page.processes] == ["correlate-1", "correlate-2", "deliver-1"]
    assert [(line.name, line.behind) for line in page.feeds] == [(FEED, "2 hours")]
    assert page.offers["open"] == 0
    assert page.attention == (
        "correlate-2 ends again and again (3 times since 00:16 UTC, code 70; the end of its log says why): "
        "no situation is found; what happened waits on the log.",
    )


@pytest.mark.parametrize(("port", "board"), [(8599, 8600), (8596, 8600), (65530, 8600)])
def test_ports_that_clash_or_do_not_exist_are_refused(port: int, board: int) -> None:
    with pytest.raises(WrongUse, match=f"HEADWATER_METRICS_PORT {port}"):
        places(Settings(metrics_port=port, board_port=board, gateway_port=board + 1), STAGES)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (3_599, "59 minutes"),
        (172_800, "2 days"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def fetch(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode()
