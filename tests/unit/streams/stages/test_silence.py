"""Who waits for a silent feed is looked at again when that feed is heard, and not before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processors.rules.matching.run import Wait
from streams.stages.silence import Silence

FEEDS = ("a.x", "b.y", "c.z")
WAITS = st.builds(
    lambda heard, feeds: Wait(0, heard, tuple(feeds), 0),
    st.integers(0, 9),
    st.lists(st.sampled_from(FEEDS), min_size=1, max_size=3, unique=True),
)
HEARD = st.dictionaries(st.sampled_from(FEEDS), st.integers(0, 9))


def wait(heard: int, *feeds: str) -> Wait:
    return Wait(0, heard, feeds, 0)


def test_heard_far_enough_it_is_broken_once() -> None:
    silence = Silence()
    silence.wait("ann", [wait(5, "a.x")], {"a.x": 4})
    assert list(silence.broken({"a.x": 4, "b.y": 9})) == []
    assert list(silence.broken({"a.x": 5})) == ["ann"]
    assert list(silence.broken({"a.x": 6})) == []


def test_a_feed_never_heard_keeps_them_waiting() -> None:
    silence = Silence()
    silence.wait("ann", [wait(0, "a.x")], {})
    assert list(silence.broken({"b.y": 100})) == []
    assert list(silence.broken({"a.x": 0})) == ["ann"]


def test_whoever_is_looked_at_in_between_waits_once_all_the_same() -> None:
    silence = Silence()
    for _ in range(3):
        silence.wait("ann", [wait(5, "a.x")], {})
    assert len(silence) == 1


@given(waits=st.lists(st.tuples(st.sampled_from(["ann", "bob"]), WAITS)), steps=st.lists(HEARD, max_size=6))
def test_nobody_whose_feeds_were_all_heard_goes_on_waiting(
    waits: list[tuple[str, Wait]], steps: list[dict[str, int]]
) -> None:
    silence, heard = Silence(), dict[str, int]()
    open_waits = list(waits)
    for name, each in waits:
        silence.wait(name, [each], heard)
    for step in steps:
        for feed, upto in step.items():
            heard[feed] = max(upto, heard.get(feed, upto))
        for name in set(silence.broken(heard)):  # as the stage does: looked at, they wait for what is still silent
            mine = [each for who, each in open_waits if who == name and not is_over(each, heard)]
            silence.wait(name, mine, heard)
        open_waits = [(who, each) for who, each in open_waits if not is_over(each, heard)]
    waiting = {name for _, _, name in silence._known}
    assert waiting == {who for who, _ in open_waits}


def is_over(each: Wait, heard: dict[str, int]) -> bool:
    return all(heard.get(feed, -1) >= each.heard for feed in each.feeds)
