"""A contract of an agency: schema, mapping and samples in one folder; data, never code.

    contracts/<agency>/<contract>/<contract>.avsc, mapping.yaml, samples/good.jsonl, samples/bad.jsonl

Loading checks everything that can be known without a record. The samples are tried by
`schemas.samples`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from processors.events import EventType
from processors.surge import Brake
from schemas.avro import AvroSchema, Unfit, read_schema
from schemas.mapping import RecordMapping, compile_mapping
from schemas.problems import Problem, Problems, load_yaml

DEFAULT_ZONE = ZoneInfo("Europe/Brussels")


@dataclass(frozen=True)
class Contract:
    """What an agency sends and how it is read.

    Attributes:
        agency: folder name, and prefix of everything the agency may write.
        name: folder name.
        folder: where the contract's files lie.
        schema: of its records.
        mapping: compiled.
    """

    agency: str
    name: str
    folder: Path = field(compare=False)
    schema: AvroSchema = field(compare=False)
    mapping: RecordMapping = field(compare=False, repr=False)

    @cached_property
    def feed(self) -> str:
        """`<agency>.<contract>`; what marks and heartbeats speak of."""
        return f"{self.agency}.{self.name}"

    @property
    def major(self) -> int:
        """Major version; a breaking change of the schema makes a new topic."""
        return self.mapping.version

    @cached_property
    def topic(self) -> str:
        """The agency's topic."""
        return f"events.{self.agency}.{self.name}.v{self.major}"

    @cached_property
    def subject(self) -> str:
        """Where the registry keeps the schema."""
        return f"{self.topic}-value"

    @property
    def types(self) -> tuple[str, ...]:
        """Event types the contract can bring."""
        return tuple(self.mapping.events)

    @property
    def settles_within_ms(self) -> int:
        """How long after it occurred the agency may still record an event, ms."""
        return self.mapping.settles_within_ms

    @property
    def begins_ms(self) -> int | None:
        """From when on the agency's records are complete, ms; None: from the first that came."""
        return self.mapping.begins_ms

    @property
    def brake(self) -> Brake | None:
        """What more of the agency's records in a day is a surge; None: nothing is."""
        return self.mapping.brake


def load_contract(
    folder: Path,
    catalogue: Mapping[str, EventType] | None = None,
    zone: ZoneInfo = DEFAULT_ZONE,
) -> Contract | list[Problem]:
    """Loads a contract folder.

    Args:
        folder: `.../<agency>/<contract>`.
        catalogue: types that exist; None: any.
        zone: of dates without time.

    Returns:
        The contract, or every fault found.
    """
    problems = Problems()
    shown = f"{folder.parent.name}/{folder.name}"
    schema = _load_schema(folder / f"{folder.name}.avsc", f"{shown}/{folder.name}.avsc", problems)
    document = load_yaml(folder / "mapping.yaml", f"{shown}/mapping.yaml", problems)
    if schema is None or document is None:
        return problems.found
    mapping = compile_mapping(document, schema, zone, catalogue)
    return problems.found or Contract(folder.parent.name, folder.name, folder, schema, mapping)


def _load_schema(path: Path, shown: str, problems: Problems) -> AvroSchema | None:
    try:
        found = read_schema(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        problems.note(shown, 1, f"cannot be read ({type(error).__name__})", "put the contract's Avro schema there")
        return None
    if isinstance(found, Unfit):
        problems.note(shown, 1, found.problem, found.remedy)
        return None
    return found
