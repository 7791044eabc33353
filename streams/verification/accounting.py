"""The accounting equations: every input record has exactly one outcome, stage by stage.

Counts records, not offset gaps: transaction markers take offsets too. Reads only what the stages
wrote (topics, the case database), never their memory, so that it can disagree with them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from confluent_kafka import Message

from processors.annulment import is_by_officer
from processors.decisions import Decision, DecisionKind
from processors.events import Control, ControlKind, LifeEvent
from processors.offers.actions import OfferAction
from processors.offers.model import OfferRecord, OfferState, Situation, SituationKind
from processors.pauses import Pause, PauseKind
from processors.transfers import is_by_transfer
from schemas.codec import Codec, Value
from schemas.contract import Contract
from schemas.receipts import Receipt
from sinks.case_db import CaseStore
from streams import topics
from streams.clocks import hear_for_all
from streams.errors import UserError
from streams.kafka.log import committed_positions, end_offsets, partitions_of, read_topic
from streams.kafka.tail import Source, place_of
from streams.life_events import is_told_anew

INTAKE_GROUP = "headwater-intake"
GROUP_OF = {
    topics.LIFE_EVENTS: "headwater-correlate",
    topics.HOUSEHOLD_EVENTS: "headwater-households",
    topics.SITUATIONS: "headwater-plan",
    topics.OFFERS: "headwater-deliver",
}
"""Internal topics that a stage reads to the end, and its consumer group."""


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
        review: `late` and `review` decisions, kept for a person to look at.
        situations: matches told to plan and not withdrawn since.
        held: of them, those whose hold is not over on plan's clock.
        clock: plan's clock, ms, in the last of its partitions.
        under_way: offsets each stage had still to read when counting began; figures of stages that are
            at work may differ by as much.
        offers: offers by state, as on `offers.v1`.
        suppressed: suppressed situations by reason, as on `offers.v1`.
        actions: what workers did, as on `outcomes.v1`.
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
    actions: int = 0
    under_way: dict[str, int] = field(default_factory=dict)
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
        self._standing: dict[tuple[str, str, str], Situation] = {}
        self._pauses: dict[tuple[PauseKind, str], bool] = {}
        self._acted: set[str] = set()
        self._opted_out: set[str] = set()

    def draw_up(self, on_step: Callable[[str], None] = lambda _step: None) -> Accounting:
        """Counts everything, agency topics first; `on_step` is told what is read now.

        Raises:
            Unreachable: Kafka or the database does not answer.
            UserError: the platform has no topics there.
        """
        self._require_topics()
        on_step(topics.OUTCOMES)
        acts = self._acts_told()
        self._note_under_way()
        on_step("receipts and dead letters")
        made = self._intake()
        on_step(topics.LIFE_EVENTS)
        self._life_events(made)
        on_step(topics.DECISIONS)
        self._decisions_and_situations()
        on_step(topics.OFFERS)
        told = self._offers()
        self._database(told)
        self._acts_answered(acts, told[0])
        return self._account

    def _note_under_way(self) -> None:
        for topic, group in GROUP_OF.items():
            committed = committed_positions(self._bootstrap, group, [topic])
            ends = end_offsets(self._bootstrap, topic)
            waiting = sum(max(0, end - committed.get((topic, p), 0)) for p, end in ends.items())
            if waiting:
                self._account.under_way[group.removeprefix("headwater-")] = waiting

    def _equal(self, left: str, left_count: int, right: str, right_count: int) -> None:
        self._account.equations.append(Equation(left, left_count, right, right_count))

    def _require_topics(self) -> None:
        wanted = [contract.topic for contract in self._contracts] + list(GROUP_OF)
        missing = [topic for topic in wanted if not partitions_of(self._bootstrap, topic)]
        if missing:
            raise UserError(
                f"{len(missing)} topics are missing on {self._bootstrap}, {missing[0]} among them",
                "start the stages once, they create what is missing, or correct HEADWATER_KAFKA",
            )

    def _intake(self) -> int:
        """Checks source topics against receipts and dead letters; returns events made by receipts."""
        account = self._account
        names = [contract.topic for contract in self._contracts]
        committed = committed_positions(self._bootstrap, INTAKE_GROUP, names)
        offsets: dict[Source, list[int]] = defaultdict(list)
        dead = 0
        for contract in self._contracts:
            for message in read_topic(self._bootstrap, contract.topic):
                offsets[contract.topic, _partition(message)].append(_offset(message))
            dead += sum(1 for _ in read_topic(self._bootstrap, topics.dead_letters(contract.topic, "intake")))
        told, of_deleted = self._receipts({source: found[0] for source, found in offsets.items()})
        account.rejected, account.withheld = told["rejected"], told["withheld"]
        account.heartbeats, account.processed = told["heartbeats"], told["processed"]
        taken = 0
        for source, found in offsets.items():
            known = [offset for offset in found if offset >= told_from(source, of_deleted)]
            pending = sum(offset >= committed.get(source, 0) for offset in known)
            account.pending += pending
            taken += len(known) - pending
        account.received = taken + account.pending - account.heartbeats
        told_of = account.processed + account.rejected + account.heartbeats
        self._equal("records taken from agencies' topics", taken, "records told in receipts", told_of)
        self._equal("rejected in receipts", told["all rejected"], "dead letters of intake", dead)
        return told["all events"]

    def _receipts(self, oldest: dict[Source, int]) -> tuple[Counter[str], dict[Source, int]]:
        """Sums of receipts about records that are still there, and how far others reach.

        Agencies' topics are kept for a shorter time than receipts: what a receipt tells of records that
        were deleted since, wholly or in part, cannot be checked against them.
        """
        told: Counter[str] = Counter()
        of_deleted: dict[Source, int] = {}
        for agency in sorted({contract.agency for contract in self._contracts}):
            for receipt in self._values(topics.receipts(agency)):
                if not isinstance(receipt, Receipt):
                    continue
                source = receipt.topic, receipt.partition
                told["all rejected"] += receipt.counts.rejected
                told["all events"] += receipt.events_made
                if receipt.first_offset < oldest.get(source, receipt.last_offset + 1):
                    of_deleted[source] = max(receipt.last_offset, of_deleted.get(source, 0))
                else:
                    counts = receipt.counts
                    told.update(
                        processed=counts.processed, withheld=counts.withheld,
                        rejected=counts.rejected, heartbeats=counts.heartbeats,
                    )  # fmt: skip
        return told, of_deleted

    def _life_events(self, made: int) -> None:
        """Checks canonical events against receipts, and counts duplicates by source record."""
        account = self._account
        known: set[tuple[str, str]] = set()
        is_new: dict[tuple[str, int], bool] = defaultdict(bool)
        for message in read_topic(self._bootstrap, topics.LIFE_EVENTS):
            event = self._codec.decode(message.value())
            if isinstance(event, LifeEvent) and is_of_agency(event, message.headers()):
                account.events += 1
                is_new[event.feed, event.arrival] |= (event.person, event.id) not in known
                known.add((event.person, event.id))
        account.duplicate = sum(not new for new in is_new.values())
        account.processed -= account.duplicate
        self._equal("events made, by receipts", made, f"events on {topics.LIFE_EVENTS}", account.events)

    def _decisions_and_situations(self) -> None:
        """Checks that what stands by the ledger stands for plan; only last words count, topics are compacted."""
        account = self._account
        decided: dict[tuple[str, str], DecisionKind] = {}
        for decision in chain(self._values(topics.DECISIONS), self._values(topics.HOUSEHOLD_DECISIONS)):
            if isinstance(decision, Decision):
                if decision.kind in (DecisionKind.LATE, DecisionKind.REVIEW):
                    account.review += 1
                else:
                    decided[decision.match, decision.subject] = decision.kind
        self._situations()
        standing = {match for match, _, _ in self._standing}
        account.situations = len(standing)
        account.held = sum(map(self._is_held, self._standing.values()))
        matched = {match for (match, _), kind in decided.items() if kind is DecisionKind.MATCHED}
        both = len(matched & standing)
        self._equal("matches that stand on the ledgers", len(matched), f"of them on {topics.SITUATIONS}", both)
        self._equal(f"matches that stand on {topics.SITUATIONS}", account.situations, "of them on the ledgers", both)

    def _situations(self) -> None:
        """Takes up what plan was told: what stands, what was done and said, and plan's clock."""
        partitions = partitions_of(self._bootstrap, topics.SITUATIONS)
        clocks: dict[Source, int] = {(topics.SITUATIONS, partition): 0 for partition in partitions}
        for message in read_topic(self._bootstrap, topics.SITUATIONS):
            value = self._codec.decode(message.value())
            hear_for_all(clocks, place_of(message)[0], value)
            if isinstance(value, OfferAction):
                self._acted.add(value.id)
                self._opted_out.update(value.persons)
            elif isinstance(value, Control) and value.kind is ControlKind.OPT_OUT:
                self._opted_out.add(value.person)
            elif isinstance(value, Pause):
                self._pauses[value.target] = value.is_paused
            elif isinstance(value, Situation):
                whose = value.match, value.household, value.person
                if value.kind is SituationKind.MATCHED:
                    self._standing[whose] = value
                else:
                    self._standing.pop(whose, None)
        self._account.clock = min(clocks.values())

    def _is_held(self, situation: Situation) -> bool:
        """Whether it waits for the end of its hold, or for its rule or team to be resumed."""
        targets = (PauseKind.RULE, situation.rule), (PauseKind.RECIPIENT, situation.lead)
        return situation.ripe_at > self._account.clock or any(self._pauses.get(target, False) for target in targets)

    def _offers(self) -> tuple[dict[str, OfferRecord], dict[str, OfferRecord]]:
        """Checks the fate of every standing situation; returns newest offer records and suppressions."""
        newest: dict[str, OfferRecord] = {}
        suppressed: dict[str, OfferRecord] = {}
        versions: Counter[tuple[str, int]] = Counter()
        for record in self._values(topics.OFFERS):
            if not isinstance(record, OfferRecord):
                continue
            if record.state is OfferState.SUPPRESSED:
                suppressed[record.cause] = record
            else:
                versions[record.offer, record.version] += 1
                newest[record.offer] = record
        account = self._account
        account.offers = Counter(record.state.value for record in newest.values())
        account.suppressed = Counter(record.reason.value for record in suppressed.values() if record.reason)
        offered = {situation.match for record in newest.values() for situation in record.situations}
        # What was in an offer when its person opted out stands, but in no offer: the opt-out is its fate.
        left = {each.match for each in self._standing.values() if not self._opted_out.isdisjoint(each.persons)}
        fates = offered | suppressed.keys() | left
        with_fate = len({s.match for s in self._standing.values() if s.match in fates or self._is_held(s)})
        self._equal("situations that stand", account.situations, "of them offered, suppressed or held", with_fate)
        told = versions.total()
        self._equal(f"versions of offers on {topics.OFFERS}", told, "different ones: none told twice", len(versions))
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

    def _acts_told(self) -> dict[str, OfferAction]:
        """What workers did, from the database to Kafka. Read before what follows from it."""
        done, waiting = self._store.action_ids()
        told = {action.id: action for action in self._values(topics.OUTCOMES) if isinstance(action, OfferAction)}
        self._account.actions = len(told)
        if waiting:
            self._account.under_way["relay"] = len(waiting)
        self._equal(
            "acts of workers in the case database", len(done),
            f"of them on {topics.OUTCOMES} or still on the outbox", len(done & (told.keys() | waiting)),
        )  # fmt: skip
        return told

    def _acts_answered(self, told: dict[str, OfferAction], newest: dict[str, OfferRecord]) -> None:
        """Checks that plan got what workers did and answered it; a newer version tells whoever was refused."""
        acted = len(told.keys() & self._acted)
        self._equal(f"acts on {topics.OUTCOMES}", len(told), f"of them on {topics.SITUATIONS}", acted)
        answered = sum(
            action.offer in newest and newest[action.offer].version > action.version for action in told.values()
        )
        self._equal(f"acts on {topics.OUTCOMES}", len(told), "answered by a newer version of their offer", answered)

    def _values(self, topic: str) -> Iterator[Value]:
        for message in read_topic(self._bootstrap, topic):
            value = message.value()
            if value is not None:
                yield self._codec.decode(value)  # type: ignore[misc]


def is_of_agency(event: LifeEvent, headers: Any) -> bool:  # noqa: ANN401 - pairs, by confluent-kafka's types perhaps more
    """Whether intake made a line of an agency's record; no officer annulled it so, nor was it told anew."""
    return not (is_by_officer(event) or is_by_transfer(event) or is_told_anew(headers))


def told_from(source: Source, of_deleted: dict[Source, int]) -> int:
    """First offset of a partition whose receipts can be checked."""
    return of_deleted.get(source, -1) + 1


def _offset(message: Message) -> int:
    return message.offset() or 0


def _partition(message: Message) -> int:
    return message.partition() or 0
