"""Where things lie on a platform, and the pure parts that say what should: contracts, codec, rules.

Names of topics and groups are written out: the verifier takes no word of the stages.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import infra
from processors.civil_time import Calendar
from processors.rules.checking.check import Deployment as RuleDeployment
from processors.rules.load import load as load_rules
from processors.rules.ruleset import RuleSet
from schemas.codec import Codec, decode_attributes, internal_codec
from schemas.deployment import Deployment
from schemas.publishing import register_contract
from schemas.registry import FolderRegistry, Registry

DEMO = Path(infra.__file__).parent / "demo"

LIFE, HOMES = "life-events.v1", "household-events.v1"
LEDGER, HOME_LEDGER = "decisions.v1", "household-decisions.v1"
CLOCKS, SITUATIONS, OFFERS = "clocks.v1", "situations.v1", "offers.v1"

INTAKE = "headwater-intake"
READERS = {
    LIFE: "headwater-correlate",
    HOMES: "headwater-households",
    SITUATIONS: "headwater-plan",
    OFFERS: "headwater-deliver",
}
"""Internal topics and the group that reads each."""
GROUPS = (INTAKE, *READERS.values())


@dataclass(frozen=True)
class Place:
    """A deployment as the verifier knows it."""

    deployment: Deployment
    registry: Registry
    codec: Codec
    rules: RuleSet

    @property
    def feeds(self) -> dict[str, str]:
        """Feed by its topic."""
        return {contract.topic: feed for feed, contract in self.deployment.contracts.items()}


def open_place(folder: Path = DEMO) -> Place:
    """Loads a deployment folder and its rules.

    Raises:
        ValueError: the rules have faults.
    """
    deployment, registry = Deployment.load(folder), FolderRegistry()
    for contract in deployment.contracts.values():
        register_contract(contract, registry)
    checked_against = RuleDeployment(
        catalogue=deployment.catalogue,
        purposes={purpose.id: purpose.types for purpose in deployment.purposes.values()},
        teams=frozenset(deployment.teams),
        services=frozenset(deployment.services),
        enforcement=deployment.enforcement,
        calendar=Calendar(deployment.zone.key, deployment.holidays),
    )
    rules = load_rules(deployment.rules, checked_against, decode_attributes)
    if not isinstance(rules, RuleSet):
        raise ValueError(f"the rules have faults: {rules}")
    return Place(deployment, registry, internal_codec(registry), rules)


def letters_of(topic: str) -> str:
    """The dead-letter topic of the stage that reads a topic."""
    return f"{topic}.{READERS.get(topic, INTAKE).removeprefix('headwater-')}.dlq"


def partition_of(key: str, partitions: int) -> int:
    """Where a person, household or area belongs (architecture: CRC-32 of the name)."""
    return zlib.crc32(key.encode()) % partitions
