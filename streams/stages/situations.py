"""What correlate and households tell plan: a decision with everything plan and the reader of an offer need."""

from __future__ import annotations

from dataclasses import dataclass

from processors.civil_time import window_end
from processors.decisions import Decision, DecisionKind
from processors.events import Control
from processors.offers.model import Situation, SituationKind, Urgency
from processors.rules.explain import explain, title
from processors.rules.model import Offer, Rule
from processors.rules.ruleset import RuleSet
from schemas.codec import Codec
from streams import topics
from streams.clocks import clock_record
from streams.kafka.transactions import Outgoing


@dataclass(frozen=True)
class SituationWriter:
    """Makes records for `situations.v1`, in one language, partitioned by planning area."""

    codec: Codec
    rules: RuleSet
    language: str
    partitions: int

    def situation(self, decision: Decision) -> Outgoing:
        """The situation of a matched or withdrawn decision."""
        rule = self.rules.rule(decision.rule, decision.version)
        if rule is None or rule.offer is None or decision.kind is DecisionKind.WITHDRAWN:
            situation = _withdrawn(decision)
        else:
            situation = self._matched(decision, rule, rule.offer)
        return self._to_area(situation.area, situation.area, self.codec.encode(situation))

    def control(self, control: Control) -> list[Outgoing]:
        """A person's word, in order, to all of plan: a situation goes to the area they lived in then."""
        value, key = self.codec.encode(control), f"control|{control.person}".encode()
        return [Outgoing(topics.SITUATIONS, p, key, value) for p in range(self.partitions)]

    def mark(self, source: int, now: int) -> Outgoing:
        """The clock (ms) of one who tells: a partition of correlate, or of households, numbered after correlate's."""
        return clock_record(self.codec, source, 2 * self.partitions, now)

    def _to_area(self, area: str, key: str, value: bytes) -> Outgoing:
        return Outgoing(topics.SITUATIONS, topics.partition_of(area, self.partitions), key.encode(), value)

    def _matched(self, decision: Decision, rule: Rule, offer: Offer) -> Situation:
        ripe_at = window_end(decision.known_at, offer.hold, self.rules.calendar)
        return Situation(
            kind=SituationKind.MATCHED,
            match=decision.match,
            rule=decision.rule,
            version=decision.version,
            title=title(self.rules, decision, self.language),
            person=decision.person,
            household=decision.household,
            area=decision.area,
            completed_at=decision.completed_at,
            known_at=decision.known_at,
            ripe_at=ripe_at,
            respond_by=window_end(ripe_at, offer.respond_within, self.rules.calendar),
            replaces=decision.replaces,
            purpose=rule.purpose,
            services=offer.services,
            urgency=Urgency(offer.urgency),
            respond_within=str(offer.respond_within),
            lead=offer.lead,
            explanation=explain(self.rules, decision, self.language),
            events=decision.events,
        )


def _withdrawn(decision: Decision) -> Situation:
    return Situation(
        kind=SituationKind.WITHDRAWN,
        match=decision.match,
        rule=decision.rule,
        version=decision.version,
        title="",
        person=decision.person,
        household=decision.household,
        area=decision.area,
        completed_at=decision.completed_at,
        known_at=decision.known_at,
        ripe_at=decision.known_at,
    )
