"""A deployment folder: everything a place decides, loaded and checked as one value.

    deployment.yaml  name, time zone, languages, planning areas, where the rules are, disclosure control
    catalogue.yaml   event types        purposes.yaml  what may be used for what
    teams.yaml       lead teams, contact policy        services.yaml  service directory
    holidays.yaml    public holidays    texts/<language>.yaml         fixed texts
    contracts/<agency>/<contract>/      what agencies send

Rule documents are handed on as text; the rule language is checked by `processors.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import processors
from processors.civil_time import Duration, parse_duration
from processors.disclosure.model import ALL
from processors.disclosure.policy import DisclosurePolicy
from processors.events import EventType
from processors.offers.policy import ContactPolicy
from schemas.contract import DEFAULT_ZONE, Contract, load_contract
from schemas.directory import (
    Area,
    AttributeInfo,
    Purpose,
    Service,
    Team,
    Titles,
    read_attributes,
    read_disclosure,
    read_policy,
    read_purpose,
    read_service,
    read_team,
    titles_of,
)
from schemas.problems import Node, Problem, Problems, load_yaml

SHIPPED_RULES = Path(processors.__file__).parent / "rules" / "library"


class DeploymentFault(Exception):
    """A deployment folder cannot be used; `problems` holds every fault found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a place decided.

    Attributes:
        folder: where it was read from.
        name: of the place.
        zone: civil days and bare dates are in this zone.
        languages: codes, the first is the default.
        areas: planning areas by id, in the order written; the first is the default.
        catalogue: event types by name, with the feeds that bring them.
        titles: titles of event types by type, then language.
        attributes: what the attributes of each type mean.
        purposes, teams, services: by id.
        contact: how often a household may be contacted.
        disclosure: how weekly counts are protected before they are published.
        holidays: public holidays.
        texts: fixed texts by language, then key.
        contracts: by feed, `<agency>.<contract>`.
        rules: rule documents by file name.
    """

    folder: Path
    name: str
    zone: ZoneInfo
    languages: tuple[str, ...]
    areas: Mapping[str, Area] = field(repr=False)
    catalogue: Mapping[str, EventType] = field(repr=False)
    titles: Mapping[str, Titles] = field(repr=False)
    attributes: Mapping[str, Mapping[str, AttributeInfo]] = field(repr=False)
    purposes: Mapping[str, Purpose] = field(repr=False)
    teams: Mapping[str, Team] = field(repr=False)
    services: Mapping[str, Service] = field(repr=False)
    contact: ContactPolicy = field(repr=False)
    disclosure: DisclosurePolicy = field(repr=False)
    holidays: frozenset[date] = field(repr=False)
    texts: Mapping[str, Mapping[str, str]] = field(repr=False)
    contracts: Mapping[str, Contract] = field(repr=False)
    rules: Mapping[str, str] = field(repr=False)

    @classmethod
    def load(cls, folder: Path) -> Deployment:
        """Loads a deployment folder.

        Raises:
            DeploymentFault: with every fault of every file, each with file, line and remedy.
        """
        problems = Problems()
        loaded = _Loader(folder, problems).load()
        if problems.found or loaded is None:
            raise DeploymentFault(sorted(problems.found))
        return loaded

    @property
    def default_area(self) -> str:
        """Area of households whose own is not known."""
        return next(iter(self.areas))

    @property
    def enforcement(self) -> frozenset[str]:
        """Ids of teams and services that belong to an enforcement body: marked so, or given by a team marked so."""
        teams = [team for team in self.teams.values() if team.is_enforcement]
        names = {name for team in teams for name in (team.id, *team.title.values())}
        services = {one.id for one in self.services.values() if one.is_enforcement or one.provider in names}
        return frozenset(services | {team.id for team in teams})

    @property
    def granted_types(self) -> frozenset[str]:
        """Types some purpose may use; all others are withheld at intake."""
        return frozenset(name for purpose in self.purposes.values() for name in purpose.types)


@dataclass(frozen=True, slots=True)
class _Loader:
    """Reads one folder; notes faults and goes on."""

    folder: Path
    problems: Problems

    def load(self) -> Deployment | None:
        main = self.document("deployment.yaml")
        if main is None:
            return None
        parts = main.fields(("name", "time_zone", "languages", "areas", "rules"), ("disclosure",))
        zone = self.zone(parts.get("time_zone"))
        languages = tuple(one.text() for one in parts["languages"].items()) if "languages" in parts else ("en",)
        areas = self.areas(parts.get("areas"))
        declared = self.entries("catalogue.yaml")
        catalogue = {name: _event_type(node, languages) for name, node in declared.items()}
        contracts = self.contracts(catalogue, zone)
        teams, contact = self.teams(areas, languages)
        return Deployment(
            folder=self.folder,
            name=parts["name"].text() if "name" in parts else "",
            zone=zone,
            languages=languages,
            areas=areas,
            catalogue=_with_feeds(catalogue, contracts),
            titles={name: _titles(node, languages) for name, node in declared.items()},
            attributes={name: _attributes(node) for name, node in declared.items()},
            purposes={
                name: read_purpose(node, catalogue, languages) for name, node in self.entries("purposes.yaml").items()
            },
            teams=teams,
            services={name: read_service(node, languages) for name, node in self.entries("services.yaml").items()},
            contact=contact,
            disclosure=read_disclosure(parts["disclosure"]) if "disclosure" in parts else DisclosurePolicy(),
            holidays=self.holidays(),
            texts={language: self.texts(language) for language in languages},
            contracts=contracts,
            rules=self.rules(parts.get("rules")),
        )

    def document(self, name: str) -> Node | None:
        return load_yaml(self.folder / name, name, self.problems)

    def entries(self, name: str) -> dict[str, Node]:
        node = self.document(name)
        return {} if node is None else node.entries()

    def zone(self, node: Node | None) -> ZoneInfo:
        if node is None:
            return DEFAULT_ZONE
        try:
            return ZoneInfo(node.text())
        except (ZoneInfoNotFoundError, ValueError, OSError):
            node.wrong("the time zone is not known", "use a name of the tz database such as Europe/Brussels")
            return DEFAULT_ZONE

    def areas(self, node: Node | None) -> dict[str, Area]:
        found: dict[str, Area] = {}
        for name, one in ({} if node is None else node.entries()).items():
            parts = one.fields(("title", "municipalities"))
            title = titles_of(parts["title"]) if "title" in parts else {}
            if name == ALL:
                one.wrong(f"an area cannot be called `{ALL}`", "choose another id: it stands for all areas together")
            members = parts["municipalities"].items() if "municipalities" in parts else []
            found[name] = Area(name, title, tuple(member.text() for member in members))
        if node is not None and not found:
            node.wrong("there is no planning area", "name at least one")
        return found

    def contracts(self, catalogue: Mapping[str, EventType], zone: ZoneInfo) -> dict[str, Contract]:
        found: dict[str, Contract] = {}
        for mapping in sorted(self.folder.glob("contracts/*/*/")):
            loaded = load_contract(mapping, catalogue, zone)
            if isinstance(loaded, Contract):
                found[loaded.feed] = loaded
            else:
                self.problems.found += [replace(one, file=f"contracts/{one.file}") for one in loaded]
        return found

    def teams(self, areas: Mapping[str, Area], languages: tuple[str, ...]) -> tuple[dict[str, Team], ContactPolicy]:
        node = self.document("teams.yaml")
        parts = {} if node is None else node.fields(("contact", "teams"))
        teams = parts["teams"].entries() if "teams" in parts else {}
        policy = read_policy(parts["contact"]) if "contact" in parts else ContactPolicy()
        return {name: read_team(one, areas, languages) for name, one in teams.items()}, policy

    def holidays(self) -> frozenset[date]:
        node = self.document("holidays.yaml")
        parts = {} if node is None else node.fields(("holidays",))
        days = parts["holidays"].entries() if "holidays" in parts else {}
        return frozenset(day for name, one in days.items() if (day := _day_named(name, one)) is not None)

    def texts(self, language: str) -> dict[str, str]:
        return {key: one.text() for key, one in self.entries(f"texts/{language}.yaml").items()}

    def rules(self, node: Node | None) -> dict[str, str]:
        if node is None:
            return {}
        where = SHIPPED_RULES if node.text() == "shipped" else self.folder / node.text()
        if not where.is_dir():
            node.wrong(
                f"there is no folder `{node.text()}` with rules", "write `shipped`, or a folder of this deployment"
            )
            return {}
        files = sorted(where.rglob("*.yaml"))
        return {file.relative_to(where).as_posix(): file.read_text(encoding="utf-8") for file in files}


_TYPE_FIELDS = ("attributes", "help_seeking", "benefit_receipt", "kept_for")


def _event_type(node: Node, languages: tuple[str, ...]) -> EventType:
    parts = node.fields(("title",), _TYPE_FIELDS)
    return EventType(
        name=node.name,
        title=titles_of(parts["title"], languages).get(languages[0], node.name) if "title" in parts else node.name,
        attributes={name: one.type for name, one in _attributes(node).items()},
        is_help_seeking="help_seeking" in parts and parts["help_seeking"].flag(),
        is_benefit_receipt="benefit_receipt" in parts and parts["benefit_receipt"].flag(),
        kept_for=_kept_for(parts["kept_for"]) if "kept_for" in parts else None,
    )


def _kept_for(node: Node) -> Duration | None:
    found = parse_duration(node.text())
    if found is None:
        node.wrong("`kept_for` is not a duration", "write a number and a unit, such as `13 months`")
    return found


def _quiet(node: Node) -> Node:
    """The same node read a second time: its faults were noted the first time."""
    return replace(node, problems=Problems())


def _titles(node: Node, languages: tuple[str, ...]) -> Titles:
    parts = _quiet(node).entries()
    return titles_of(parts["title"], languages) if "title" in parts else {}


def _attributes(node: Node) -> dict[str, AttributeInfo]:
    parts = node.value if isinstance(node.value, Mapping) else {}
    return read_attributes(node.entries()["attributes"]) if "attributes" in parts else {}


def _with_feeds(catalogue: Mapping[str, EventType], contracts: Mapping[str, Contract]) -> dict[str, EventType]:
    """Adds to each type which feeds bring it, and how long the slowest of them may take."""
    complete: dict[str, EventType] = {}
    for name, type_ in catalogue.items():
        bringing = [contract for contract in contracts.values() if name in contract.types]
        complete[name] = replace(
            type_,
            feeds=tuple(contract.feed for contract in bringing),
            settles_within_ms=max((contract.settles_within_ms for contract in bringing), default=0),
        )
    return complete


def _day_named(name: str, node: Node) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        node.wrong(f"`{name}` is not a date", "write it as 2026-01-31")
        return None
