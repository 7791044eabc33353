"""What `streams.kafka` takes for granted of Faust, aiokafka, librdkafka and Kafka, proved on a real broker.

Each worker is a real process (`echo_worker.py`). A failure says which assumption an upgrade broke.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, ConsumerGroupState, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, MemberDescription, NewTopic

from streams.kafka.clients import client_config, committed_offsets
from streams.kafka.committer import Committer, Position, Progress, note_of
from streams.kafka.log import committed_positions, read_partition
from streams.kafka.transactions import Outgoing
from streams.stages.membership import SESSION_S

ECHO = Path(__file__).with_name("echo_worker.py")
LIMIT_S = 90.0
PATIENCE_S = 8
"""Of the watchdog; a busy machine may keep a healthy worker from moving for some seconds."""
SEED = 20261122


class Echo:
    """One echo stage: its topics, its workers, and what came out."""

    def __init__(
        self, bootstrap: str, folder: Path, sources: int = 1, partitions: int = 2, are_known: bool = True
    ) -> None:
        self.bootstrap = bootstrap
        self.partitions = partitions
        self._folder = folder
        tag = uuid.uuid4().hex[:12]
        self.name = f"echo-{tag}"
        self.group = f"headwater-{self.name}"
        self.sources = [f"in{number}.{tag}" for number in range(sources)]
        self.target = f"out.{tag}"
        if are_known:
            self.make_topics()
        self._workers: list[subprocess.Popen[bytes]] = []

    def make_topics(self) -> None:
        make_topics(self.bootstrap, *self.sources, self.target, partitions=self.partitions)

    def start(self, worker: str = "1", **environment: object) -> subprocess.Popen[bytes]:
        """A worker in a process of its own; its log is in the test's folder."""
        said = {
            "HEADWATER_KAFKA": self.bootstrap,
            "HEADWATER_DATA": self._folder / "data",
            "ECHO_NAME": self.name,
            "ECHO_FROM": ",".join(self.sources),
            "ECHO_TO": self.target,
            "ECHO_WORKER": worker,
            "PYTHONPATH": Path.cwd(),
            **environment,
        }
        with self.log(worker).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, ECHO],
                env={**os.environ, **{name: str(value) for name, value in said.items()}},
                stdout=log, stderr=log, cwd=self._folder,
            )  # fmt: skip
        self._workers.append(process)
        return process

    def log(self, worker: str = "1") -> Path:
        return self._folder / f"{self.name}-{worker}.log"

    def opened(self, worker: str = "1") -> int:
        """How many partitions a worker opened so far."""
        return self.log(worker).read_text(errors="replace").count("partition opened")

    def done(self) -> int:
        """Sum of committed positions: grows as records are worked on."""
        return sum(committed_positions(self.bootstrap, self.group, self.sources).values())

    def ends(self) -> int:
        return sum(ends(self.bootstrap, self.sources, self.partitions))

    def copies(self, partition: int) -> list[Message]:
        return list(read_partition(self.bootstrap, self.target, partition))

    def check_exactly_once(self, aside: bytes = b"") -> None:
        """Every committed record of every source once on the output, in order, and none of an aborted one.

        Of those left aside the first and the last of a fetch may be there, too.
        """
        for partition in range(self.partitions):
            copies = self.copies(partition)
            assert not [copy for copy in copies if b"aborted" in (copy.value() or b"")], (
                "isolation: records of aborted transactions were read (ChunkConsumerThread sets _isolation_level)"
            )
            for source in self.sources:
                there = {
                    message.offset(): message.value() for message in read_partition(self.bootstrap, source, partition)
                }
                wanted = [offset for offset, value in there.items() if not value or value[-1] not in aside]
                found = [offset for topic, offset in map(source_of, copies) if topic == source]
                twice = [offset for offset, count in Counter(found).items() if count > 1]
                lost = sorted(set(wanted) - set(found))
                assert not twice, (
                    f"outputs and position are not one transaction: {source}/{partition} twice {twice[:5]}"
                )
                assert not lost, f"a chunk was lost between fetch and commit: {source}/{partition} misses {lost[:5]}"
                assert found == sorted(found), f"order within a partition: {source}/{partition}"
                assert {*found} <= {*there}
                left_out = len(there) - len(found)
                assert left_out >= (len(there) - len(wanted)) / 2, "most of what may be left aside was handed over"

    def stop(self) -> None:
        for process in self._workers:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def echo(kafka: str, tmp_path: Path) -> Iterator[Echo]:
    made = Echo(kafka, tmp_path)
    yield made
    made.stop()


def test_every_record_once_after_kills_at_random_moments(echo: Echo) -> None:
    dice = random.Random(SEED)
    produce(echo, 12_000, dice)
    total = echo.ends()
    kills = 4
    marks = sorted(dice.sample(range(total // 20, total * 9 // 10), kills))
    for mark in marks:
        worker = echo.start(ECHO_SLOW_S=0.02)
        wait_until(lambda mark=mark: echo.done() >= mark, "the worker gets on", echo)
        worker.send_signal(signal.SIGKILL)
        assert worker.wait() == -signal.SIGKILL, "the worker ended before it was killed"
    assert echo.done() < total, "no kill came in the middle of the work"
    last = echo.start()
    wait_until(lambda: echo.done() >= total, "position passes the transaction markers at the end of the log", echo)
    assert stop_gently(last) == 0
    echo.check_exactly_once()


def test_position_and_note_are_committed_by_the_transaction_alone(echo: Echo) -> None:
    """Faust commits by itself whatever was acknowledged; here every 50 ms, were `_commit` not overridden."""
    produce(echo, 6_000, random.Random(SEED), aborted=False)
    worker = echo.start(ECHO_SLOW_S=0.2)
    seen = set()

    def is_done() -> bool:
        for partition, position in enumerate(positions(echo)):
            copies = sum(1 for _ in read_partition(echo.bootstrap, echo.target, partition))
            below = count_below(echo, partition, position.offset)
            assert copies >= below, (
                f"a commit ran ahead of its outputs: {below} records below it, {copies} on the output"
            )
            if position.offset > 0:
                assert position.note == str(below), (
                    f"the note does not belong to the position: {position.note!r} for {below} records "
                    "(Faust's own commit is on, or the transaction does not carry metadata)"
                )
                seen.add((partition, position.offset))
        return echo.done() >= echo.ends()

    wait_until(is_done, "the worker gets on", echo)
    assert len(seen) > 4, "too few positions were looked at while the worker ran"
    # Acknowledged long ago: what Faust would commit now has no note.
    looked_until = time.monotonic() + 1
    wait_until(lambda: is_done() and time.monotonic() > looked_until, "positions stay", echo)
    assert stop_gently(worker) == 0
    assert is_done(), "Faust committed when it ended"


def test_a_chunk_that_does_not_begin_at_the_position_is_refused_and_fetched_again(echo: Echo) -> None:
    produce(echo, 6_000, random.Random(SEED))
    worker = echo.start(ECHO_LOSE=4, ECHO_LOSE_MOST=3)
    wait_until(lambda: echo.done() >= echo.ends(), "what was lost on the way is fetched again", echo)
    assert stop_gently(worker) == 0
    assert echo.log().read_text().count("lost on purpose") == 3
    echo.check_exactly_once()


def test_records_left_aside_are_passed_and_the_others_worked_on_once(echo: Echo) -> None:
    aside = b"0123456"
    produce(echo, 6_000, random.Random(SEED))
    killed = echo.start(ECHO_ASIDE=aside.decode(), ECHO_LOSE=4, ECHO_LOSE_MOST=3, ECHO_SLOW_S=0.02)
    wait_until(lambda: echo.done() >= echo.ends() // 2, "the worker gets on", echo)
    killed.kill()
    worker = echo.start(ECHO_ASIDE=aside.decode())
    wait_until(
        lambda: echo.done() >= echo.ends(), "the position passes what is left aside (streams.kafka.unpacking)", echo
    )
    assert stop_gently(worker) == 0
    echo.check_exactly_once(aside)


def test_a_lost_chunk_that_no_other_follows_is_fetched_again(echo: Echo) -> None:
    worker = echo.start(ECHO_LOSE=1, ECHO_LOSE_MOST=2 * echo.partitions, ECHO_CHUNK=5000)
    wait_until(lambda: echo.opened() == echo.partitions, "partitions are opened", echo)
    produce(echo, 40, random.Random(SEED), aborted=False)
    wait_until(lambda: echo.done() >= echo.ends(), "idle work notices that the consumer is ahead of it", echo)
    assert stop_gently(worker) == 0
    assert "fetched again" in echo.log().read_text()
    echo.check_exactly_once()


def test_markers_alone_move_the_position(echo: Echo) -> None:
    """An aborted transaction that nothing follows would else look like records that wait for ever."""
    worker = echo.start()
    wait_until(lambda: echo.opened() == echo.partitions, "partitions are opened", echo)
    produce(echo, 40, random.Random(SEED), aborted=False)
    wait_until(lambda: echo.done() >= echo.ends(), "it works", echo)
    before = echo.ends()
    produce(echo, 0, random.Random(SEED))
    assert echo.ends() >= before + 2 * echo.partitions
    wait_until(lambda: echo.done() >= echo.ends(), "chunks without records are handed over (_fetch_records)", echo)
    assert stop_gently(worker) == 0
    echo.check_exactly_once()


def test_sigterm_ends_within_seconds_and_with_code_0(echo: Echo) -> None:
    produce(echo, 4_000, random.Random(SEED))
    worker = echo.start(ECHO_SLOW_S=0.1)
    wait_until(lambda: echo.done() > 0, "the worker gets on", echo)
    asked = time.monotonic()
    assert stop_gently(worker) == 0
    assert time.monotonic() - asked < 10, "SIGTERM in the middle of the work took too long"
    assert 0 < echo.done() < echo.ends()


@pytest.mark.parametrize("what", ["chunk", "open"])
def test_sigterm_ends_what_hangs_within_its_grace_and_with_code_0(echo: Echo, what: str) -> None:
    """In the middle of a chunk that never ends, or of opening a partition."""
    produce(echo, 400, random.Random(SEED), aborted=False)
    worker = echo.start(ECHO_HANG=what, ECHO_GRACE_S=2)
    wait_until(lambda: "hangs on purpose" in echo.log().read_text(), "it hangs", echo)
    assert stop_gently(worker) == 0
    assert echo.done() == 0, "what did not end was committed"
    last = echo.start()
    wait_until(lambda: echo.done() >= echo.ends(), "a new worker does it all", echo)
    assert stop_gently(last) == 0
    echo.check_exactly_once()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("chunk", "records wait and nothing was done for 8 s"),  # the event loop hangs
        ("claim", "has not ended for 4 s"),  # the loop ticks
        ("open", "the state of a partition has not got on for 8 s"),  # so it does here
        ("commit", "a commit has not ended for 4 s"),
        ("fetch", "records wait and nothing was done for 8 s"),  # it ticks, but nothing is handed over
        ("follow", "records wait and nothing was done for 8 s"),  # all is well, but for what it follows
        ("interpreter", "Timeout"),  # not even the watchdog gets a turn
    ],
)
def test_a_stage_that_has_work_and_stands_still_ends_itself(echo: Echo, what: str, said: str) -> None:
    produce(echo, 3_000, random.Random(SEED), aborted=False)
    worker = echo.start(ECHO_HANG=what, ECHO_PATIENCE_S=PATIENCE_S)
    assert worker.wait(LIMIT_S) in (70, 1), echo.log().read_text()[-3000:]
    log = echo.log().read_text(errors="replace")
    assert "hangs on purpose" in log
    assert said in log.split("hangs on purpose", 1)[1]
    assert "echo_worker.py" in log.split(said, 1)[1], "where each thread stood is told"
    last = echo.start()
    produce(echo, 400, random.Random(SEED), aborted=False)
    wait_until(lambda: echo.done() >= echo.ends(), "a new worker goes on", echo)
    assert stop_gently(last) == 0
    echo.check_exactly_once()


def test_a_group_formed_while_the_broker_does_not_know_its_topics_yet_gets_them(kafka: str, tmp_path: Path) -> None:
    """As just after the broker's start; by default aiokafka would look again after five minutes."""
    echo = Echo(kafka, tmp_path, are_known=False)
    try:
        worker = echo.start()
        wait_until(lambda: bool(members_of(echo)), "the group forms without a partition", echo)
        echo.make_topics()
        produce(echo, 400, random.Random(SEED), aborted=False)
        wait_until(lambda: echo.done() >= echo.ends(), "it works", echo)
        assert stop_gently(worker) == 0
    finally:
        echo.stop()
    echo.check_exactly_once()


def test_an_idle_stage_is_left_alone(echo: Echo) -> None:
    """Idle for longer than the watchdog's patience, then with work, then idle again."""
    worker = echo.start(ECHO_PATIENCE_S=PATIENCE_S)
    wait_until(lambda: echo.opened() == echo.partitions, "partitions are opened", echo)
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() > begun + 1.5 * PATIENCE_S, "time passes", echo)
    produce(echo, 400, random.Random(SEED), aborted=False)
    wait_until(lambda: echo.done() >= echo.ends(), "it works", echo)
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() > begun + 1.5 * PATIENCE_S, "time passes", echo)
    assert stop_gently(worker) == 0
    assert "stands still" not in echo.log().read_text()


def test_a_held_partition_is_left_alone(echo: Echo, tmp_path: Path) -> None:
    """Records wait for longer than the watchdog's patience, and are worked on when they may."""
    order = tmp_path / "held"
    order.touch()
    worker = echo.start(ECHO_PATIENCE_S=PATIENCE_S, ECHO_HELD=order)
    produce(echo, 400, random.Random(SEED), aborted=False)
    wait_until(lambda: echo.log().read_text().count("partition held") == echo.partitions, "they are held", echo)
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() > begun + 1.5 * PATIENCE_S, "time passes", echo)
    assert worker.poll() is None, echo.log().read_text()[-2000:]
    assert echo.done() == 0
    order.unlink()
    wait_until(lambda: echo.done() >= echo.ends(), "they go on", echo)
    assert stop_gently(worker) == 0
    echo.check_exactly_once()


def test_a_fault_ends_the_worker_and_commits_nothing_more(echo: Echo) -> None:
    """An agent that raises loses its event and goes on, in Faust; here the process ends, for the supervisor."""
    produce(echo, 4_000, random.Random(SEED), aborted=False)
    worker = echo.start(ECHO_RAISE_AFTER=1000)
    assert worker.wait(LIMIT_S) == 70, f"a fault must end the worker with code 70: {echo.log().read_text()[-2000:]}"
    for partition, position in enumerate(positions(echo)):
        assert int(position.note or 0) <= 1000
        assert len(echo.copies(partition)) == count_below(echo, partition, position.offset)
    worker = echo.start()
    wait_until(lambda: echo.done() >= echo.ends(), "a new worker goes on where the other failed", echo)
    assert stop_gently(worker) == 0
    echo.check_exactly_once()


def test_a_zombie_produces_nothing_more_and_partitions_are_assigned_together(kafka: str, tmp_path: Path) -> None:
    echo = Echo(kafka, tmp_path, sources=2, partitions=2)
    try:
        play_zombie(echo)
    finally:
        echo.stop()


def play_zombie(echo: Echo) -> None:
    zombie, other = (echo.start(name, ECHO_CHUNK=50, ECHO_SLOW_S=0.2) for name in ("a", "b"))
    wait_until(
        lambda: is_shared_together(echo), "Faust's assignor gives a worker the same partitions of all topics", echo
    )
    start = echo.done()  # before there is work: with a slow broker it is done almost as soon as it is there
    produce(echo, 6_000, random.Random(SEED))
    wait_until(lambda: echo.done() > start + 600, "both get on", echo)
    zombie.send_signal(signal.SIGSTOP)  # fetched chunks are in its hands
    wait_until(lambda: len(members_of(echo)) == 1, "the group gives a silent worker's partitions away", echo)
    wait_until(lambda: echo.done() >= echo.ends(), "the other worker takes over", echo)
    before = [echo.copies(partition) for partition in range(echo.partitions)]
    opened = echo.opened("a")
    zombie.send_signal(signal.SIGCONT)
    wait_until(lambda: zombie.poll() is not None or echo.opened("a") > opened, "the zombie ends or joins anew", echo)
    after = [echo.copies(partition) for partition in range(echo.partitions)]
    assert [len(one) for one in after] == [len(one) for one in before], "fencing: a zombie's transaction was committed"
    echo.check_exactly_once()
    assert "b" in {worker_of(copy) for one in after for copy in one}, "nobody took the zombie's partitions over"
    assert stop_gently(other) == 0


def members_of(echo: Echo) -> list[MemberDescription]:
    """Of the group, once it has formed."""
    client = admin(echo.bootstrap)
    try:
        described = client.describe_consumer_groups([echo.group])[echo.group].result(30)
    except KafkaException:  # a broker just started takes up its groups
        return []
    if described.state is not ConsumerGroupState.STABLE:
        return []
    assert described.partition_assignor == "faust", (
        f"assignor: the group settled on {described.partition_assignor!r} (_partition_assignment_strategy)"
    )
    return list(described.members)


def is_shared_together(echo: Echo) -> bool:
    """Whether two workers share the partitions evenly, and the same ones of each topic."""
    members = members_of(echo)
    if len(members) != 2:
        return False
    shares = [
        {
            topic: {tp.partition for tp in member.assignment.topic_partitions if tp.topic == topic}
            for topic in echo.sources
        }
        for member in members
    ]
    if sum(len(partitions) for share in shares for partitions in share.values()) != len(echo.sources) * echo.partitions:
        return False
    return all(
        len({frozenset(partitions) for partitions in share.values()}) == 1 and all(share.values()) for share in shares
    )


def test_two_workers_share_the_work_through_rolling_restarts(kafka: str, tmp_path: Path) -> None:
    echo = Echo(kafka, tmp_path, partitions=4)
    try:
        workers = {name: echo.start(name, ECHO_SLOW_S=0.02) for name in ("a", "b")}
        wait_until(lambda: is_shared_together(echo), "both have partitions", echo)
        wait_until(lambda: all(echo.opened(name) >= 2 for name in workers), "both have opened theirs", echo)
        for number in range(4):
            behind = echo.done()
            produce(echo, 2_500, random.Random(SEED + number))
            name = "ab"[number % 2]
            wait_until(lambda behind=behind: echo.done() > behind, "they get on", echo)
            asked = time.monotonic()
            assert stop_gently(workers[name]) == 0
            opened, undisturbed = echo.opened(name), echo.opened("ba"[number % 2])
            workers[name] = echo.start(name, ECHO_SLOW_S=0.02)
            wait_until(lambda name=name, opened=opened: echo.opened(name) >= opened + 2, "it takes its own again", echo)
            # On a machine too busy for that the group rightly gives the partitions away.
            if time.monotonic() - asked < SESSION_S:
                assert echo.opened("ba"[number % 2]) == undisturbed, "static membership: a restart moved partitions"
        wait_until(lambda: echo.done() >= echo.ends(), "everything is worked off", echo)
        assert [stop_gently(worker) for worker in workers.values()] == [0, 0]
        echo.check_exactly_once()
        assert {worker_of(copy) for partition in range(4) for copy in echo.copies(partition)} == {"a", "b"}
    finally:
        echo.stop()


def test_a_second_worker_of_the_same_name_is_refused_and_the_first_is_left_alone(echo: Echo, tmp_path: Path) -> None:
    """On this machine at once; on another, when Kafka has had time to forget one that died."""
    first = echo.start("a")
    wait_until(lambda: echo.opened("a") == echo.partitions, "the first has its partitions", echo)
    here, elsewhere = echo.start("a"), echo.start("a", HEADWATER_DATA=tmp_path / "other machine")
    assert (here.wait(LIMIT_S), elsewhere.wait(LIMIT_S)) == (2, 2)
    said = echo.log("a").read_text()
    assert f"a worker {echo.name}-a runs on this machine already" in said
    assert f"a worker {echo.name}-a runs elsewhere already (at 127.0.0.1)" in said
    assert said.count("give this one another HEADWATER_WORKER") == 2
    produce(echo, 400, random.Random(SEED))
    wait_until(lambda: echo.done() >= echo.ends(), "the first works on", echo)
    assert echo.opened("a") == echo.partitions, "its partitions were taken from it"
    assert stop_gently(first) == 0
    echo.check_exactly_once()


def test_a_worker_that_died_is_followed_by_one_elsewhere(echo: Echo, tmp_path: Path) -> None:
    first = echo.start("a")
    wait_until(lambda: echo.opened("a") == echo.partitions, "the first has its partitions", echo)
    first.kill()
    first.wait()
    heir = echo.start("a", HEADWATER_DATA=tmp_path / "other machine")
    wait_until(lambda: echo.opened("a") == 2 * echo.partitions, "Kafka forgets the first, the other takes over", echo)
    assert stop_gently(heir) == 0


# The committer alone: what transactions.py takes for granted of Kafka.


@pytest.fixture
def pair(kafka: str) -> tuple[str, str, str]:
    """A source and a target topic of one partition, and a group."""
    tag = uuid.uuid4().hex[:12]
    make_topics(kafka, f"in.{tag}", f"out.{tag}", partitions=1)
    return f"in.{tag}", f"out.{tag}", f"headwater-{tag}"


def test_whoever_opens_a_partition_fences_the_earlier_holder(kafka: str, pair: tuple[str, str, str]) -> None:
    source, target, group = pair
    earlier, later = opened(kafka, group), opened(kafka, group)
    assert earlier.claim((source, 0)) == Position(0, "")
    earlier.commit([Progress((source, 0), 1, "a", [Outgoing(target, 0, None, b"one")])])
    assert later.claim((source, 0)) == Position(1, "a")
    with pytest.raises(KafkaException) as fenced:
        earlier.commit([Progress((source, 0), 2, "b", [Outgoing(target, 0, None, b"zombie")])])
    assert fenced.value.args[0].code() in FENCED
    later.commit([Progress((source, 0), 2, "c", [Outgoing(target, 0, None, b"two")])])
    assert [message.value() for message in read_partition(kafka, target, 0)] == [b"one", b"two"]
    assert opened(kafka, group).claim((source, 0)) == Position(2, "c")


def test_a_worker_that_claimed_and_did_nothing_yet_is_fenced_too(kafka: str, pair: tuple[str, str, str]) -> None:
    source, target, group = pair
    earlier, later = opened(kafka, group), opened(kafka, group)
    earlier.claim((source, 0))
    later.claim((source, 0))
    with pytest.raises(KafkaException) as fenced:
        earlier.commit([Progress((source, 0), 1, "a", [Outgoing(target, 0, None, b"zombie")])])
    assert fenced.value.args[0].code() in FENCED
    assert list(read_partition(kafka, target, 0)) == []


def test_whoever_gave_a_partition_back_goes_on_with_the_others(kafka: str) -> None:
    tag = uuid.uuid4().hex[:12]
    source, target, group = f"in.{tag}", f"out.{tag}", f"headwater-{tag}"
    make_topics(kafka, source, target, partitions=2)
    giver, taker = opened(kafka, group), opened(kafka, group)
    for partition in (0, 1):
        giver.claim((source, partition))
    giver.commit([Progress((source, p), 3, f"note {p}", [Outgoing(target, p, None, b"one")]) for p in (0, 1)])
    giver.commit([Progress((source, 0), 3, "note 0", is_given_back=True)])
    assert taker.claim((source, 0)) == Position(3, "note 0")
    taker.commit([Progress((source, 0), 4, "note 0", [Outgoing(target, 0, None, b"two")])])
    giver.commit([Progress((source, 1), 4, "note 1", [Outgoing(target, 1, None, b"three")])])
    assert [message.value() for message in read_partition(kafka, target, 0)] == [b"one", b"two"]
    assert [message.value() for message in read_partition(kafka, target, 1)] == [b"one", b"three"]


@pytest.mark.parametrize("step", ["_fence", "_position"])
def test_a_claim_that_froze_half_way_does_not_take_the_partition_back(
    kafka: str, pair: tuple[str, str, str], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, group = pair
    frozen, later = opened(kafka, group), opened(kafka, group)
    original = getattr(frozen, step)

    def thawed_too_late(*arguments: object) -> object:
        result = original(*arguments)
        later.claim((source, 0))
        later.commit([Progress((source, 0), 7, "n", [Outgoing(target, 0, None, b"one")])])
        return result

    monkeypatch.setattr(frozen, step, thawed_too_late)
    with pytest.raises(KafkaException) as fenced:
        frozen.claim((source, 0))
    assert fenced.value.args[0].code() in FENCED
    later.commit([Progress((source, 0), 8, "n", [Outgoing(target, 0, None, b"two")])])
    assert opened(kafka, group).claim((source, 0)) == Position(8, "n")


def test_the_worker_that_died_within_a_transaction_leaves_nothing(kafka: str, pair: tuple[str, str, str]) -> None:
    source, target, group = pair
    dead, heir = opened(kafka, group), opened(kafka, group)
    dead.claim((source, 0))
    dead._sender._producer.begin_transaction()
    dead._sender._producer.produce(target, b"half", partition=0)
    dead._sender._producer.flush(10)
    heir.claim((source, 0))  # aborts it: a reader must not wait for a time-out
    heir.commit([Progress((source, 0), 1, "", [Outgoing(target, 0, None, b"whole")])])
    assert [message.value() for message in read_partition(kafka, target, 0)] == [b"whole"]


def test_a_record_that_cannot_be_sent_fails_the_whole_commit(kafka: str, pair: tuple[str, str, str]) -> None:
    source, target, group = pair
    committer = opened(kafka, group)
    committer.claim((source, 0))
    sent = [Outgoing(target, 0, None, b"good"), Outgoing(target, 0, None, os.urandom(9_000_000))]
    with pytest.raises(KafkaException):
        committer.commit([Progress((source, 0), 5, "n", sent)])
    assert opened(kafka, group).claim((source, 0)) == Position(0, "")
    assert list(read_partition(kafka, target, 0)) == []


def test_a_group_that_never_committed_begins_at_the_oldest_record(kafka: str, pair: tuple[str, str, str]) -> None:
    source, _target, group = pair
    producer = Producer(client_config(kafka))
    for number in range(3):
        producer.produce(source, str(number).encode(), partition=0)
    producer.flush(10)
    client = admin(kafka)
    client.delete_records([TopicPartition(source, 0, 2)])
    wait_until(lambda: len(list(read_partition(kafka, source, 0))) == 1, "records are deleted")
    assert opened(kafka, group).claim((source, 0)) == Position(2, "")


FENCED = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError._STATE)


def opened(kafka: str, group: str) -> Committer:
    """A committer of a process of its own, so to say."""
    committer = Committer(kafka, group, "w")
    committer.open()
    return committer


# Ground to stand on.


def produce(echo: Echo, records: int, dice: random.Random, aborted: bool = True) -> None:
    """Records in transactions of random sizes; some are aborted, the last one of each partition too."""
    producer = Producer({**client_config(echo.bootstrap), "transactional.id": uuid.uuid4().hex, "retry.backoff.ms": 5})
    producer.init_transactions(30)
    sent = 0
    while sent < records:
        is_aborted = aborted and dice.random() < 0.25
        size = min(dice.randint(1, 700), records - sent)
        sent += size
        producer.begin_transaction()
        for number in range(size):
            text = f"{'aborted' if is_aborted else 'good'} {sent} {number}".encode()
            producer.produce(dice.choice(echo.sources), text, partition=dice.randrange(echo.partitions))
        if is_aborted:
            producer.flush(30)
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    if aborted:
        producer.begin_transaction()
        for source in echo.sources:
            for partition in range(echo.partitions):
                producer.produce(source, b"aborted at the end", partition=partition)
        producer.flush(30)
        producer.abort_transaction(30)


def positions(echo: Echo) -> list[Position]:
    """Committed position and note of each partition of the first source."""
    consumer = Consumer({**client_config(echo.bootstrap), "group.id": echo.group})
    try:
        found = committed_offsets(consumer, [TopicPartition(echo.sources[0], p) for p in range(echo.partitions)])
        return [Position(max(tp.offset, 0), note_of(tp.metadata)) for tp in found]
    finally:
        consumer.close()


def count_below(echo: Echo, partition: int, offset: int) -> int:
    return sum(1 for _ in read_partition(echo.bootstrap, echo.sources[0], partition, offset)) if offset else 0


def ends(bootstrap: str, topics: list[str], partitions: int) -> list[int]:
    consumer = Consumer({**client_config(bootstrap), "group.id": uuid.uuid4().hex})
    try:
        wanted = [TopicPartition(topic, partition) for topic in topics for partition in range(partitions)]
        return [consumer.get_watermark_offsets(tp, timeout=30)[1] for tp in wanted]
    finally:
        consumer.close()


def source_of(copy: Message) -> tuple[str, int]:
    topic, _, offset = header(copy, "source").rpartition("/")
    return topic, int(offset)


def worker_of(copy: Message) -> str:
    return header(copy, "worker")


def header(copy: Message, name: str) -> str:
    return dict(copy.headers() or [])[name].decode()


def admin(bootstrap: str) -> AdminClient:
    return AdminClient(client_config(bootstrap))


def make_topics(bootstrap: str, *names: str, partitions: int) -> None:
    client = admin(bootstrap)
    for made in client.create_topics([NewTopic(name, partitions, 1) for name in names]).values():
        made.result(30)


def stop_gently(worker: subprocess.Popen[bytes]) -> int:
    worker.send_signal(signal.SIGTERM)
    return worker.wait(30)


def wait_until(is_so: Callable[[], bool], what: str, echo: Echo | None = None) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        if time.monotonic() > deadline:
            said = (
                "".join(log.read_text(errors="replace")[-1500:] for log in echo._folder.glob("*.log")) if echo else ""
            )
            pytest.fail(f"not within {LIMIT_S:.0f} s: {what}\n{said}", pytrace=False)
        time.sleep(0.05)
