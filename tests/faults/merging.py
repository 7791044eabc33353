"""People are merged and split by officers while stages die."""

from __future__ import annotations

from processors.events import LifeEvent
from streams import topics
from streams.composition import Platform
from streams.errors import UserError
from streams.kafka.log import read_topic
from streams.register import PersonFacts, Register, open_register
from streams.transfers import Transferring, timeline_of
from tests.faults.cases import Case
from tests.faults.killing import anywhere
from tests.faults.rig import Rig

WAVES, MERGES = 3, 10


def _corrected(rig: Rig) -> None:
    """After each wave some persons with events are merged, and some of those split again."""
    for wave in range(WAVES):
        rig.publish(wave, WAVES)
        rig.await_until(lambda: rig.lag("intake") == 0, "a wave to be taken in")
        with open_register(rig.settings, rig.platform.deployment.default_area) as register:
            persons = sorted(_persons(rig.platform))
            for _ in range(MERGES):
                one, other = rig.dice.sample(persons, 2)
                _merge(rig.platform, register, one, other)
            for whole in rig.dice.sample(persons, MERGES // 2):
                _split(rig, register, whole)
        rig.watch()


def _persons(platform: Platform) -> set[str]:
    values = (platform.codec.decode(message.value()) for message in read_topic(platform.bootstrap, topics.LIFE_EVENTS))
    return {value.person for value in values if isinstance(value, LifeEvent)}


def _merge(platform: Platform, register: Register, one: str, other: str) -> None:
    key, into = (_living(register, each).person for each in (one, other))
    if key != into and _may_merge(register, key, into):
        Transferring(platform, key, into).order_all(_living(register, into))


def _may_merge(register: Register, key: str, into: str) -> bool:
    try:
        register.merge(key, into, "an officer", "a trial")
    except UserError:  # by an earlier split it has to be the other way round
        return False
    return True


def _split(rig: Rig, register: Register, one: str) -> None:
    """Half of the events and an id go."""
    whole = _living(register, one).person
    ids = register.reveal(whole, "an officer", "a trial").ids
    roots = [live.root for live in timeline_of(rig.platform, whole).standing]
    if roots and len(ids) > 1:
        part = register.split(whole, [rig.dice.choice(ids)], "an officer", "a trial")
        events = tuple(rig.dice.sample(roots, (len(roots) + 1) // 2))
        Transferring(rig.platform, whole, part).order(_living(register, part), events)


def _living(register: Register, key: str) -> PersonFacts:
    facts = register.describe(key)
    assert facts is not None
    return facts if facts.merged_into is None else _living(register, facts.merged_into)


CASES = [Case("people merged and split while stages die", _corrected, anywhere, is_as_told=False)]
