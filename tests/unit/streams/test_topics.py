"""Topics: where a key goes, and what the table of topics promises."""

from __future__ import annotations

from collections import Counter

from streams import composition, topics
from streams.settings import Settings
from streams.topics import partition_of


def test_a_key_goes_where_it_went_in_every_earlier_release() -> None:
    """Another partition for a key would tear a person's log apart: these places are for ever."""
    placed = [partition_of(key, 12) for key in ("", "a", "riverbend", "0f3c", "Brüssel")]
    assert placed == [0, 3, 5, 1, 10]
    assert [partition_of(key, 1) for key in ("a", "b")] == [0, 0]


def test_keys_spread_evenly() -> None:
    counts = Counter(partition_of(f"person-{number}", 8) for number in range(8_000))
    assert set(counts) == set(range(8))
    assert max(counts.values()) < 1.2 * min(counts.values())


def test_every_topic_is_said_once_and_says_what_it_holds() -> None:
    settings = Settings(event_partitions=3, core_partitions=5, deployment=None)
    found = composition.Platform(settings).topics
    assert len({topic.name for topic in found}) == len(found)
    assert [topic.name for topic in found if not (topic.key and topic.meaning)] == []
    by_name = {topic.name: topic for topic in found}
    for name in (topics.LIFE_EVENTS, topics.DECISIONS, topics.SITUATIONS, topics.OFFERS):
        assert by_name[name].partitions == 5
    contracts = composition.Platform(settings).deployment.contracts.values()
    assert {by_name[contract.topic].partitions for contract in contracts} == {3}
    assert {by_name[topics.dead_letters(contract.topic, "intake")].partitions for contract in contracts} == {1}
