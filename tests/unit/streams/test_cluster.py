"""Which differences between plan and cluster nothing may start on, and which are an operator's choice."""

from __future__ import annotations

import pytest

from streams.cluster import BY_ALTERING, BY_REPLICAS, BY_SETTINGS, Difference, Found, differences
from streams.topics import DAY_MS, Topic

WEEK = Topic(
    "t", 2, "k", "m",
    {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS), "retention.bytes": "-1", "max.message.bytes": "4000"},
)  # fmt: skip
COMPACT = Topic("c", 4, "k", "m", {"cleanup.policy": "compact", "max.compaction.lag.ms": "60000"})
EVER = Topic("e", 4, "k", "m", {"cleanup.policy": "delete", "retention.ms": "-1"})


def found(topic: Topic, partitions: int | None = None, replicas: int = 1, **changed: str) -> Found:
    config = {**topic.config, "min.insync.replicas": "1", "segment.ms": "5"}
    config.update({name.replace("_", "."): value for name, value in changed.items()})
    return Found(partitions or topic.partitions, replicas, config)


@pytest.mark.parametrize("topic", [WEEK, COMPACT, EVER])
def test_a_topic_as_planned_does_not_differ(topic: Topic) -> None:
    assert differences(topic, found(topic), 1) == []


@pytest.mark.parametrize(
    ("topic", "changed", "what"),
    [
        (WEEK, {"cleanup_policy": "compact"}, "cleanup.policy is compact, planned delete"),
        (WEEK, {"cleanup_policy": "delete, compact"}, "cleanup.policy is delete, compact, planned delete"),
        (COMPACT, {"cleanup_policy": "delete"}, "cleanup.policy is delete, planned compact"),
        (WEEK, {"retention_ms": str(7 * DAY_MS - 1)}, "retention.ms is 604799999, planned 604800000"),
        (EVER, {"retention_ms": str(9000 * DAY_MS)}, "retention.ms is 777600000000, planned -1"),
        (WEEK, {"retention_bytes": "1000"}, "retention.bytes is 1000, planned -1"),
        (WEEK, {"max_message_bytes": "3999"}, "max.message.bytes is 3999, planned 4000"),
    ],
)
def test_what_loses_or_refuses_records_is_a_fault(topic: Topic, changed: dict[str, str], what: str) -> None:
    assert differences(topic, found(topic, **changed), 1) == [Difference(what, BY_ALTERING)]


@pytest.mark.parametrize(
    ("topic", "changed"),
    [
        (WEEK, {"retention_ms": "-1"}),
        (WEEK, {"retention_ms": str(8 * DAY_MS)}),
        (WEEK, {"max_message_bytes": "4001"}),
        (COMPACT, {"max_compaction_lag_ms": "70000"}),
    ],
)
def test_more_than_planned_is_told_and_tolerated(topic: Topic, changed: dict[str, str]) -> None:
    (difference,) = differences(topic, found(topic, **changed), 1)
    assert not difference.is_fault
    assert "planned" in difference.what


def test_another_number_of_partitions_is_a_fault_whatever_it_is() -> None:
    for number in (1, 3, 400):
        (difference,) = differences(WEEK, found(WEEK, number), 1)
        assert difference == Difference(f"has {number} partitions, this deployment expects 2", BY_SETTINGS)


def test_more_replicas_in_sync_than_there_are_is_a_fault_and_fewer_than_wanted_are_not() -> None:
    (difference,) = differences(WEEK, found(WEEK, replicas=1, min_insync_replicas="2"), 1)
    assert difference.remedy == BY_REPLICAS
    assert differences(WEEK, found(WEEK, replicas=3, min_insync_replicas="2"), 3) == []
    (difference,) = differences(WEEK, found(WEEK, replicas=2), 3)
    assert difference == Difference("has 2 replicas, HEADWATER_REPLICATION is 3")


def test_all_differences_are_told_together() -> None:
    told = differences(WEEK, found(WEEK, 5, cleanup_policy="compact", max_message_bytes="1"), 2)
    assert [each.is_fault for each in told] == [True, False, True, True]


def test_settings_that_may_not_be_seen_are_told() -> None:
    (difference,) = differences(WEEK, Found(2, 1, None), 1)
    assert not difference.is_fault
    assert "right" in difference.what


def test_a_setting_that_is_unset_or_no_number_holds_nothing() -> None:
    (difference,) = differences(EVER, Found(4, 1, {"cleanup.policy": "delete"}), 1)
    assert difference == Difference("retention.ms is unset, planned -1", BY_ALTERING)
