"""The people's side of a deployment folder: areas, purposes, teams, services, contact policy.

Values and their readers; the files they stand in are walked by `schemas.deployment`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from processors.disclosure.policy import DisclosurePolicy
from processors.offers.policy import DAY_MS, ContactPolicy
from schemas.problems import Node

Titles = Mapping[str, str]
"""A text by language code."""
ATTRIBUTE_TYPES = ("string", "number", "boolean", "date")


@dataclass(frozen=True, slots=True)
class Area:
    """A planning area and the municipalities it covers."""

    id: str
    title: Titles
    municipalities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttributeInfo:
    """What an attribute of an event type means; `unit` is empty where there is none."""

    type: str
    unit: str
    description: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Purpose:
    """What information may be used for, on what legal basis, and which event types it may use."""

    id: str
    title: Titles
    legal_basis: str
    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Team:
    """A lead team; `capacity` in new offers per working day and area it works in.

    A team of an enforcement body may stand in the directory; no rule may send it anything.
    """

    id: str
    title: Titles
    contact: str
    areas: tuple[str, ...]
    capacity: int
    is_enforcement: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """An entry of the service directory; `lead_time` in the provider's words.

    With `is_enforcement` its provider is an enforcement body, and no rule may offer it.
    """

    id: str
    title: Titles
    provider: str
    description: Titles
    lead_time: str
    is_enforcement: bool = False


def titles_of(node: Node, languages: Collection[str] = ()) -> dict[str, str]:
    """A text by language; plain text counts for every language asked for."""
    if isinstance(node.value, str):
        return dict.fromkeys(languages or ("en",), node.value)
    found = {language: one.text() for language, one in node.entries().items()}
    default = next(iter(languages), None)
    if default is not None and default not in found:
        node.wrong(f"`{node.name}` lacks the language `{default}`", f"add `{default}:`")
    return found


def read_attributes(node: Node) -> dict[str, AttributeInfo]:
    """Attributes of an event type by name."""
    found: dict[str, AttributeInfo] = {}
    for name, one in node.entries().items():
        parts = one.fields(("type", "description"), ("unit", "values"))
        found[name] = AttributeInfo(
            type=parts["type"].one_of(ATTRIBUTE_TYPES) if "type" in parts else "string",
            unit=_text(parts, "unit"),
            description=_text(parts, "description"),
            values=tuple(value.text() for value in parts["values"].items()) if "values" in parts else (),
        )
    return found


def read_purpose(node: Node, types: Collection[str], languages: Collection[str]) -> Purpose:
    """One purpose; types it names must be in the catalogue."""
    parts = node.fields(("title", "legal_basis", "types"))
    granted = {one.text(): one for one in parts["types"].items()} if "types" in parts else {}
    for name, one in granted.items():
        if name not in types:
            one.wrong(f"type `{name}` is not in the catalogue", "use a type of catalogue.yaml, or add it there")
    return Purpose(node.name, _titles(parts, "title", languages), _text(parts, "legal_basis"), frozenset(granted))


def read_team(node: Node, areas: Collection[str], languages: Collection[str]) -> Team:
    """One team; areas it names must exist."""
    parts = node.fields(("title", "contact", "areas", "capacity"), ("enforcement",))
    named = parts["areas"].items() if "areas" in parts else []
    for one in named:
        if one.text() not in areas:
            one.wrong(f"there is no area `{one.text()}`", f"use one of: {', '.join(areas)}")
    return Team(
        node.name,
        _titles(parts, "title", languages),
        _text(parts, "contact"),
        tuple(one.text() for one in named),
        parts["capacity"].whole() if "capacity" in parts else 0,
        _flag(parts, "enforcement"),
    )


def read_policy(node: Node) -> ContactPolicy:
    """The contact policy; the default one, and a problem, where it means nothing."""
    parts = node.fields(("open_for", "cool_down", "cap"))
    cap = parts["cap"].fields(("offers", "within")) if "cap" in parts else {}
    try:
        return ContactPolicy(
            open_for_days=_days(parts.get("open_for")),
            cool_down_days=_days(parts.get("cool_down")),
            cap_offers=cap["offers"].whole() if "offers" in cap else 0,
            cap_within_days=_days(cap.get("within")),
        )
    except ValueError as error:
        node.wrong(f"`{node.name}`: {error}", "write whole days and an offer or more")
        return ContactPolicy()


def read_disclosure(node: Node) -> DisclosurePolicy:
    """How weekly counts are protected; what is not said is as by default."""
    parts, default = node.fields((), ("least", "round_to", "settle")), DisclosurePolicy()
    try:
        return DisclosurePolicy(
            least=parts["least"].whole() if "least" in parts else default.least,
            round_to=parts["round_to"].whole() if "round_to" in parts else default.round_to,
            settle_days=_days(parts["settle"]) if "settle" in parts else default.settle_days,
        )
    except ValueError as error:
        node.wrong(f"`{node.name}`: {error}", "write whole numbers, `round_to` not above `least`")
        return default


def _days(node: Node | None) -> int:
    return node.duration_ms() // DAY_MS if node is not None else 0


def read_service(node: Node, languages: Collection[str]) -> Service:
    """One service."""
    parts = node.fields(("title", "provider", "description", "lead_time"), ("enforcement",))
    return Service(
        node.name,
        _titles(parts, "title", languages),
        _text(parts, "provider"),
        _titles(parts, "description", languages),
        _text(parts, "lead_time"),
        _flag(parts, "enforcement"),
    )


def _text(parts: Mapping[str, Node], name: str) -> str:
    return parts[name].text() if name in parts else ""


def _flag(parts: Mapping[str, Node], name: str) -> bool:
    return name in parts and parts[name].flag()


def _titles(parts: Mapping[str, Node], name: str, languages: Collection[str]) -> Titles:
    return titles_of(parts[name], languages) if name in parts else {}
