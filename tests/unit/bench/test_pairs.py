from bench.peers.pairs import pair
from bench.workload import FIRST, SECOND, WITHIN_MS


def test_every_job_lost_within_the_window_is_paired_with_the_first_arrears() -> None:
    waiting, found = pair([], FIRST, "a", 0)
    assert found == []
    waiting, found = pair(waiting, FIRST, "b", 10)
    assert found == []
    waiting, found = pair(waiting, SECOND, "c", 20)
    assert (waiting, found) == ([], [("a", "c"), ("b", "c")])


def test_the_window_includes_its_last_millisecond_and_nothing_after_it() -> None:
    waiting, _ = pair([], FIRST, "a", 0)
    assert pair(waiting, SECOND, "b", WITHIN_MS)[1] == [("a", "b")]
    assert pair(waiting, SECOND, "b", WITHIN_MS + 1)[1] == []


def test_another_type_changes_nothing() -> None:
    waiting = [("a", 0)]
    assert pair(waiting, "moved", "b", 1) == (waiting, [])
