"""The composition root: builds what a process runs from the settings, once.

Nothing else connects parts to each other; parts name what they need as parameters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path

import infra
from processors.civil_time import Calendar
from processors.events import derived_id
from processors.rules.checking.check import Deployment as RuleDeployment
from processors.rules.load import load as load_rules
from processors.rules.model import ANY_TYPE, Subject
from processors.rules.ruleset import RuleSet
from schemas.codec import Codec, decode_attributes, internal_codec
from schemas.deployment import Deployment, DeploymentFault
from schemas.publishing import register_contract
from schemas.registry import ConfluentRegistry, FolderRegistry, Registry, RegistryUnreachable
from sinks.case_db import CaseStore, CaseStoreUnavailable, connect, upgrade
from streams import topics
from streams.access import AccessFile
from streams.broker import bootstrap as broker_address
from streams.clocks import FollowedClock
from streams.errors import Unreachable, WrongUse
from streams.folders import check_folder
from streams.kafka.tail import topic_id
from streams.life_events import is_skipped
from streams.pauses import FollowedOrders
from streams.processes import FAUST_STAGES
from streams.register import open_register
from streams.settings import Settings
from streams.stages import plan
from streams.stages.correlate import CorrelateTask
from streams.stages.deciding import DecidingContext
from streams.stages.deliver import DeliverTask
from streams.stages.forwarding import HouseholdWriter, types_for
from streams.stages.households import HouseholdsTask
from streams.stages.intake import IntakeContext, IntakeTask
from streams.stages.plan import PlanContext, PlanTask
from streams.stages.restoring import Basis
from streams.stages.situations import SituationWriter
from streams.stages.task import Stage, Task
from streams.state import held
from streams.state.folders import StateFolders
from streams.state.store import MemoryStore, Store

DEMO = Path(infra.__file__).parent / "demo"


@dataclass(frozen=True)
class Platform:
    """The parts that follow from the settings alone; each is built when first needed.

    Attributes:
        is_state_kept: whether tasks keep their state in folders; otherwise it lives as long as they
            do, for tools that look at what would be.
    """

    settings: Settings
    is_state_kept: bool = True

    @cached_property
    def deployment(self) -> Deployment:
        """The deployment folder, checked.

        Raises:
            WrongUse: it has faults; every one is named.
        """
        return load_deployment(self.settings.deployment or DEMO)

    @cached_property
    def registry(self) -> Registry:
        """The contracts folder as schema registry, or the one the settings name.

        Raises:
            Unreachable: that one does not answer, or refuses a schema.
        """
        address = self.settings.registry
        registry: Registry = ConfluentRegistry(address) if address else FolderRegistry()
        with _registry_faults():
            for contract in self.deployment.contracts.values():
                register_contract(contract, registry)
        return registry

    @cached_property
    def codec(self) -> Codec:
        """Codec of the platform's own topics."""
        with _registry_faults():
            return internal_codec(self.registry)

    @cached_property
    def calendar(self) -> Calendar:
        """Zone and holidays of the deployment."""
        return Calendar(self.deployment.zone.key, self.deployment.holidays)

    @cached_property
    def rules(self) -> RuleSet:
        """The deployment's rules, checked.

        Raises:
            WrongUse: a rule has faults; every one is named with file and line.
        """
        loaded = load_rules(self.deployment.rules, rule_deployment(self.deployment), decode_attributes)
        if isinstance(loaded, RuleSet):
            return loaded
        faults = "\n  ".join(str(problem) for problem in loaded)
        raise WrongUse(f"the rules have faults:\n  {faults}", "mend them; `headwater rules check` lists them again")

    @cached_property
    def bootstrap(self) -> str:
        """Kafka's address; embedded or as the settings name it."""
        return broker_address(self.settings)

    @cached_property
    def topics(self) -> tuple[topics.Topic, ...]:
        """Every topic of the deployment."""
        return topics.catalogue(self.deployment.contracts.values(), self.settings)


@contextmanager
def _registry_faults() -> Iterator[None]:
    try:
        yield
    except RegistryUnreachable as fault:
        raise Unreachable(
            f"the schema registry at {fault.address} cannot be used ({fault.cause})",
            "see that it runs, that HEADWATER_REGISTRY names it, and that the schema fits those it has of this subject",
        ) from None


def load_deployment(folder: Path) -> Deployment:
    """Loads a deployment folder.

    Raises:
        WrongUse: it has faults; every one is named.
    """
    try:
        return Deployment.load(folder)
    except DeploymentFault as fault:
        faults = "\n  ".join(str(problem) for problem in fault.problems)
        raise WrongUse(
            f"the deployment folder {folder} has faults:\n  {faults}", "mend them, then start again"
        ) from None


def rule_deployment(deployment: Deployment) -> RuleDeployment:
    """A deployment as far as rules are checked against it."""
    return RuleDeployment(
        catalogue=deployment.catalogue,
        purposes={purpose.id: purpose.types for purpose in deployment.purposes.values()},
        teams=frozenset(deployment.teams),
        services=frozenset(deployment.services),
        enforcement=deployment.enforcement,
        calendar=Calendar(deployment.zone.key, deployment.holidays),
    )


def access_file(settings: Settings) -> AccessFile:
    """The codes of teams and agencies."""
    return AccessFile(settings.access_file or settings.data / "access.json")


def case_db_url(settings: Settings) -> str:
    """SQLAlchemy URL of the case database."""
    return settings.case_db or f"sqlite:///{settings.data.resolve() / 'cases.db'}"


@contextmanager
def case_store(settings: Settings) -> Iterator[CaseStore]:
    """The case database, brought to its newest schema.

    Raises:
        Unreachable: it cannot be used; its address and the remedy are named.
    """
    try:
        engine = connect(case_db_url(settings))
        upgrade(engine)
        store = CaseStore(engine)
        try:
            yield store
        finally:
            store.close()
    except CaseStoreUnavailable as fault:
        raise Unreachable(fault.problem, fault.remedy) from None


@contextmanager
def stage(name: str, platform: Platform) -> Iterator[Stage]:
    """Builds a stage and what it holds.

    Raises:
        UserError: a dependency is unreachable, or settings or deployment are wrong.
    """
    if name not in FAUST_STAGES:
        raise WrongUse(f"there is no stage `{name}`", f"name one of: {', '.join(FAUST_STAGES)}")
    topics.ensure(platform.bootstrap, platform.topics, platform.settings)
    with _BUILDERS[name](platform) as built:
        yield built


@contextmanager
def unattended(name: str, platform: Platform) -> Iterator[Stage]:
    """Builds a stage for a tool that runs its tasks itself; makes no topic."""
    with _BUILDERS[name](platform) as built:
        yield built


@contextmanager
def _intake(platform: Platform) -> Iterator[Stage]:
    deployment, settings = platform.deployment, platform.settings
    by_topic = {contract.topic: contract for contract in deployment.contracts.values()}
    with (
        open_register(settings, deployment.default_area) as register,
        closing(FollowedOrders(platform.bootstrap, platform.codec)) as orders,
    ):
        context = IntakeContext(
            codec=platform.codec,
            registry=platform.registry,
            register=register,
            granted=deployment.granted_types,
            core_partitions=settings.core_partitions,
            source_partitions=settings.event_partitions,
            wall=wall_ms,
            orders=orders,
        )

        def task(topic: str, partition: int) -> Task:
            return IntakeTask(by_topic[topic], partition, context)

        yield Stage(
            "intake",
            tuple(sorted(by_topic)),
            task,
            held_by=lambda topic: orders.holding(by_topic[topic].feed),
            followed=lambda: orders.followed,
        )


@contextmanager
def _correlate(platform: Platform) -> Iterator[Stage]:
    context = _deciding(platform, "correlate", Subject.PERSON)
    households = household_writer(platform)
    skipped = context.basis.skipped
    yield Stage(
        "correlate",
        (topics.LIFE_EVENTS,),
        lambda _topic, partition: CorrelateTask(partition, context, households),
        leaves_aside=lambda record: is_skipped(record.headers, skipped),
    )


@contextmanager
def _households(platform: Platform) -> Iterator[Stage]:
    context = _deciding(platform, "households", Subject.HOUSEHOLD)
    yield Stage("households", (topics.HOUSEHOLD_EVENTS,), lambda _topic, partition: HouseholdsTask(partition, context))


def household_writer(platform: Platform) -> HouseholdWriter:
    """What correlate passes on to households."""
    types = types_for(platform.rules.of_subject(Subject.HOUSEHOLD))
    return HouseholdWriter(platform.codec, types, platform.settings.core_partitions)


def _deciding(platform: Platform, stage: str, subject: Subject) -> DecidingContext:
    settings = platform.settings
    ledger = topics.DECISIONS if subject is Subject.PERSON else topics.HOUSEHOLD_DECISIONS
    return DecidingContext(
        bootstrap=platform.bootstrap,
        codec=platform.codec,
        rules=platform.rules.of_subject(subject),
        feeds=frozenset(platform.deployment.contracts),
        is_wall=settings.clock == "wall",
        situations=SituationWriter(
            codec=platform.codec,
            rules=platform.rules,
            language=platform.deployment.languages[0],
            partitions=settings.core_partitions,
        ),
        core_partitions=settings.core_partitions,
        basis=Basis(_rules_id(platform), _skipped(platform) if subject is Subject.PERSON else frozenset()),
        store=_stores(platform, stage, held.FORMAT, also=ledger),
    )


def _stores(platform: Platform, stage: str, state_format: int, also: str = "") -> Callable[[str, int], Store]:
    """Where the tasks of a stage's worker keep their state, which rests on their input and perhaps on `also`."""
    if not platform.is_state_kept:
        return lambda _topic, _partition: MemoryStore()
    settings = platform.settings
    folder = (settings.state or settings.data / "state") / f"{stage}-{settings.worker}"
    check_folder(folder, "HEADWATER_STATE" if settings.state else "HEADWATER_DATA")

    @cache
    def log_id(topic: str) -> str:
        return "|".join(topic_id(platform.bootstrap, each) for each in (topic, also) if each)

    return StateFolders(folder, log_id, state_format).open


def _rules_id(platform: Platform) -> str:
    """Tells one set of rules from another: their texts, and what else they are decided by."""
    deployment = platform.deployment
    texts = [f"{name}|{text}" for name, text in sorted(deployment.rules.items())]
    holidays = [str(day) for day in sorted(deployment.holidays)]
    return derived_id("rules", version("headwater"), deployment.zone.key, *holidays, *texts)


def _skipped(platform: Platform) -> frozenset[bytes]:
    """Types no rule can look at, nor any event of a feed that brings one a rule looks at.

    A correction may name another type than its original did, but only one that its feed can bring.
    """
    wanted = types_for(platform.rules)
    if ANY_TYPE in wanted:
        return frozenset()
    catalogue = platform.deployment.catalogue
    feeds = {feed for name in wanted if name in catalogue for feed in catalogue[name].feeds}
    return frozenset(
        name.encode() for name, each in catalogue.items() if name not in wanted and not feeds & {*each.feeds}
    )


@contextmanager
def _plan(platform: Platform) -> Iterator[Stage]:
    store = _stores(platform, "plan", plan.FORMAT)
    with closing(FollowedClock(platform.bootstrap, platform.codec)) as clock:
        context = PlanContext(platform.bootstrap, platform.codec, platform.deployment.contact, store, clock.now)
        yield Stage(
            "plan",
            (topics.SITUATIONS,),
            lambda _topic, partition: PlanTask(partition, context),
            followed=lambda: clock.followed,
            tick_s=plan.TICK_S,
        )


@contextmanager
def _deliver(platform: Platform) -> Iterator[Stage]:
    with case_store(platform.settings) as store:
        yield Stage(
            "deliver",
            (topics.OFFERS,),
            lambda _topic, _partition: DeliverTask(platform.codec, store),
            counts=store.counts,
        )


_BUILDERS: dict[str, Callable[[Platform], AbstractContextManager[Stage]]] = {
    "intake": _intake,
    "correlate": _correlate,
    "households": _households,
    "plan": _plan,
    "deliver": _deliver,
}


def wall_ms() -> int:
    """The machine's clock, ms since the epoch."""
    return time.time_ns() // 1_000_000
