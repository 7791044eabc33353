"""The accounting equations: every input record has exactly one outcome, stage by stage.

Counts records, not offset gaps: transaction markers take offsets too. Reads only what the stages
wrote (topics, the case database), never their memory, so that it can disagree with them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import Message

from processors.decisions import Decision, DecisionKind
from processors.events import LifeEvent
from processors.offers.model import OfferRecord, OfferState, Situation, SituationKind, SituationMark
from schemas.codec import Codec, Value
from schemas.contract import Contract
from schemas.receipts import Receipt
from sinks.case_db import CaseStore
from streams import topics
from streams.kafka.log import committed_positions, read_topic

INTAKE_GROUP = "headwater-intake"


@dataclass(frozen=True, slots=True)
class Equation:
    """Two counts that must be equal; `left` and `right` say what was counted where."""

    left: str
    left_count: int
    right: str
    right_count: int

    @property
    def holds(self) -> bool:
        """Whether they are."""
        return self.left_count == self.right_count


@dataclass(slots=True)
class Accounting:
    """What was counted; every attribute counts records unless it says otherwise.

    Attributes:
        received: input records of agencies, heartbeats left out.
        processed: understood and new; `withheld` of them went to nobody.
        duplicate: understood, but every event they make was known.
        rejected: in the dead letters of intake.
        pending: beyond intake's committed position.
        events: canonical events on `life-events.v1`.
        review: `late` decisions, kept for a person to look at.
        situations: matches told to plan and not withdrawn since.
        held: of them, those whose hold is not over on plan's clock.
        clock: plan's clock, ms: the minimum of correlate's marks.
        offers: offers by state, as on `offers.v1`.
        suppressed: suppressed situations by reason, as on `offers.v1`.
    """

    received: int = 0
    processed: int = 0
    withheld: int = 0
    duplicate: int = 0
    rejected: int = 0
    pending: int = 0
    heartbeats: int = 0
    events: int = 0
    review: int = 0
    situations: int = 0
    held: int = 0
    clock: int = 0
    offers: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    equations: list[Equation] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every equation does."""
        return all(equation.holds for equation in self.equations)


class Accountant:
    """Reads a platform's topics and case database and draws up its accounting."""

    def __init__(self, bootstrap: str, codec: Codec, contracts: Iterable[Contract], store: CaseStore) -> None:
        self._bootstrap = bootstrap
        self._codec = codec
        self._contracts = list(contracts)
        self._store = store
        self._account = Accounting()

    def draw_up(self, on_step: Callable[[str], None] = lambda _step: None) -> Accounting:
        """Counts everything, agency topics first; `on_step` is told what is read now.

        Raises:
            Unreachable: Kafka or the database does not answer.
        """
        on_step("receipts and dead letters")
        made = self._intake()
        on_step(topics.LIFE_EVENTS)
        self._life_events(made)
        on_step(topics.DECISIONS)
        self._decisions_and_situations()
        on_step(topics.OFFERS)
        self._database(self._offers())
        return self._account

    def _equal(self, left: str, left_count: int, right: str, right_count: int) -> None:
        self._account.equations.append(Equation(left, left_count, right, right_count))

    def _intake(self) -> int:
        """Checks source topics against receipts and dead letters; returns events made by receipts."""
        account = self._account
        in_topics, in_receipts, dead = Counter[str](), Counter[str](), 0
        names = [contract.topic for contract in self._contracts]
        committed = committed_positions(self._bootstrap, INTAKE_GROUP, names)
        for contract in self._contracts:
            for message in read_topic(self._bootstrap, contract.topic):
                is_pending = _offset(message) >= committed.get((contract.topic, _partition(message)), 0)
                in_topics["pending" if is_pending else "taken"] += 1
            dead += sum(1 for _ in read_topic(self._bootstrap, topics.dead_letters(contract.topic, "intake")))
        for agency in sorted({contract.agency for contract in self._contracts}):
            for receipt in self._values(topics.receipts(agency)):
                if isinstance(receipt, Receipt):
                    counts = receipt.counts
                    in_receipts.update(
                        processed=counts.processed, withheld=counts.withheld, rejected=counts.rejected,
                        heartbeats=counts.heartbeats, events=receipt.events_made,
                    )  # fmt: skip
        account.pending, account.rejected = in_topics["pending"], in_receipts["rejected"]
        account.heartbeats, account.withheld = in_receipts["heartbeats"], in_receipts["withheld"]
        account.processed = in_receipts["processed"]
        account.received = in_topics["taken"] + in_topics["pending"] - account.heartbeats
        told = account.processed + account.rejected + account.heartbeats
        self._equal("records taken from agencies' topics", in_topics["taken"], "records told in receipts", told)
        self._equal("rejected in receipts", account.rejected, "dead letters of intake", dead)
        return in_receipts["events"]

    def _life_events(self, made: int) -> None:
        """Checks canonical events against receipts, and counts duplicates by source record."""
        account = self._account
        known: set[tuple[str, str]] = set()
        is_new: dict[tuple[str, int], bool] = defaultdict(bool)
        for event in self._values(topics.LIFE_EVENTS):
            if isinstance(event, LifeEvent):
                account.events += 1
                is_new[event.feed, event.arrival] |= (event.person, event.id) not in known
                known.add((event.person, event.id))
        account.duplicate = sum(not new for new in is_new.values())
        account.processed -= account.duplicate
        self._equal("events made, by receipts", made, f"events on {topics.LIFE_EVENTS}", account.events)

    def _decisions_and_situations(self) -> None:
        account = self._account
        decided = Counter[str]()
        for decision in self._values(topics.DECISIONS):
            if isinstance(decision, Decision):
                decided[decision.kind] += 1
        account.review = decided[DecisionKind.LATE]
        told = Counter[str]()
        marks: dict[int, tuple[int, int]] = {}
        standing: dict[str, Situation] = {}
        for value in self._values(topics.SITUATIONS):
            if isinstance(value, SituationMark):
                newest = max(value.now, marks.get(value.source_partition, (0, 0))[0])
                marks[value.source_partition] = newest, value.source_partitions
            elif isinstance(value, Situation):
                told[value.kind] += 1
                if value.kind is SituationKind.MATCHED:
                    standing[value.match] = value
                else:
                    standing.pop(value.match, None)
        if marks and len(marks) == next(iter(marks.values()))[1]:
            account.clock = min(now for now, _ in marks.values())
        self._standing = standing
        account.situations = len(standing)
        account.held = sum(situation.ripe_at > account.clock for situation in standing.values())
        for kind in (DecisionKind.MATCHED, DecisionKind.WITHDRAWN):
            self._equal(f"{kind} on {topics.DECISIONS}", decided[kind], f"{kind} on {topics.SITUATIONS}", told[kind])

    def _offers(self) -> tuple[dict[str, OfferRecord], dict[str, OfferRecord]]:
        """Checks the fate of every standing situation; returns newest offer records and suppressions."""
        newest: dict[str, OfferRecord] = {}
        suppressed: dict[str, OfferRecord] = {}
        versions: dict[str, list[int]] = defaultdict(list)
        fates: set[str] = set()
        for record in self._values(topics.OFFERS):
            if not isinstance(record, OfferRecord):
                continue
            fates.add(record.cause)
            if record.state is OfferState.SUPPRESSED:
                suppressed[record.cause] = record
            else:
                versions[record.offer].append(record.version)
                newest[record.offer] = record
        account = self._account
        account.offers = Counter(record.state.value for record in newest.values())
        account.suppressed = Counter(record.reason.value for record in suppressed.values() if record.reason)
        # A situation whose place another one took leaves no record of its own: one change of one offer.
        told = sum(match in fates for match in self._standing)
        self._equal(
            "situations that stand", account.situations,
            "of them offered, suppressed or in their hold",
            told + sum(s.ripe_at > account.clock and m not in fates for m, s in self._standing.items()),
        )  # fmt: skip
        self._equal(
            f"versions of offers on {topics.OFFERS}", sum(map(len, versions.values())),
            "versions, each once and without a gap",
            sum(max(found) for found in versions.values()),
        )  # fmt: skip
        return newest, suppressed

    def _database(self, told: tuple[dict[str, OfferRecord], dict[str, OfferRecord]]) -> None:
        newest, suppressed = told
        rows = {row.offer: (row.version, row.state) for row in self._store.offers()}
        same = sum(rows.get(offer) == (record.version, record.state) for offer, record in newest.items())
        self._equal("offers in the case database", len(rows), f"the same, newest version, on {topics.OFFERS}", same)
        self._equal(f"offers on {topics.OFFERS}", len(newest), "offers in the case database", len(rows))
        self._equal(
            f"suppressed on {topics.OFFERS}", len(suppressed),
            "suppressed in the case database", sum(1 for _ in self._store.suppressed()),
        )  # fmt: skip

    def _values(self, topic: str) -> Iterator[Value]:
        for message in read_topic(self._bootstrap, topic):
            value = message.value()
            if value is not None:
                yield self._codec.decode(value)  # type: ignore[misc]


def _offset(message: Message) -> int:
    return message.offset() or 0


def _partition(message: Message) -> int:
    return message.partition() or 0
