"""Conditions: CEL compiled once, evaluated over the fields of events.

Numbers are doubles, so whole numbers in a condition are read as doubles too. A missing field makes
the whole condition false unless `has()` guards it; any other error is no match and is reported.
Does not decide what a false condition means for a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import cel

from processors.civil_time import Calendar, format_instant
from processors.events import Attribute
from processors.rules.expressions import (
    FIRST_OF,
    LAST_OF,
    MACROS,
    PLACES,
    PRESENT,
    SOME,
    NotRead,
    Path,
    Reading,
    read,
)
from processors.timeline import LiveEvent

AttributeDecoder = Callable[[bytes], Mapping[str, Attribute]]
"""Turns the encoded attributes of an event into a mapping; called only when a condition needs them."""

Names = Mapping[str, LiveEvent | tuple[LiveEvent, ...]]
"""What a condition sees under a name: one event as a map, several as a list of maps."""

ENVELOPE = frozenset({"id", "type", "agency", "area", "household", "person", "occurred_at", "recorded_at", "ended_at"})
"""Fields every event has; an attribute of the same name is reached as `attributes.name`."""
ATTRIBUTES = "attributes"
BEFORE = "before"
"""Name of the event just before on the timeline."""

FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "sum": lambda values: float(sum(values)),
    "count": lambda values: float(len(values)),
    "min": min,
    "max": max,
    "avg": fmean,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}
_CORE_FUNCTIONS = MACROS | {"size", "startsWith", "endsWith", "contains", "matches", "double", "string", "int"}
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a condition.

    Attributes:
        holds: whether it is true.
        missing: fields that were not there.
        error: any other error, in words.
    """

    holds: bool
    missing: tuple[str, ...] = ()
    error: str | None = None


TRUE, FALSE = Verdict(True), Verdict(False)


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A compiled condition.

    Attributes:
        source: as written.
        paths: every field it reads.
        guarded: those of them that `has()` protects.
        functions: list functions it calls.
        needs: first words of what it reads -> fields of the named events it reads, None: all.
        free: those first words that are names or else attributes of the event itself.
        enveloped: those that are envelope fields of the event itself.
        is_plain: it reads nothing but `free` and `enveloped` by their bare names.
    """

    source: str
    program: cel.Program
    paths: frozenset[Path]
    guarded: frozenset[Path]
    functions: tuple[str, ...]
    needs: Mapping[str, frozenset[str] | None]
    free: tuple[str, ...]
    enveloped: tuple[str, ...]
    is_plain: bool

    @property
    def roots(self) -> frozenset[str]:
        """First words of what it reads: fields of the event, or names."""
        return frozenset(self.needs)


class Fields:
    """Fields of events, decoded at most once each; lives as long as one decision takes."""

    def __init__(self, decode: AttributeDecoder, calendar: Calendar) -> None:
        self._decode = decode
        self._calendar = calendar
        self._attributes: dict[str, dict[str, Any]] = {}
        self._views: dict[tuple[str, int | None, frozenset[str] | None], dict[str, Any]] = {}
        self._functions: dict[str, Callable[..., Any]] = {}
        self._failed: str | None = None
        self.errors = 0

    def attributes(self, event: LiveEvent) -> dict[str, Any]:
        """Attributes that have a value."""
        found = self._attributes.get(event.line.id)
        if found is None:
            decoded = self._decode(event.line.attributes) if event.line.attributes else {}
            found = {name: _number(value) for name, value in decoded.items() if value is not None}
            self._attributes[event.line.id] = found
        return found

    def envelope(self, event: LiveEvent, name: str) -> str | None:
        """An envelope field; times as RFC 3339 in the calendar's zone."""
        if not name.endswith("_at"):
            return str(getattr(event.line, name))
        moment: int | None = event.ended_at if name == "ended_at" else getattr(event.line, name)
        return None if moment is None else format_instant(moment, self._calendar)

    def seen(self, bound: LiveEvent | tuple[LiveEvent, ...], needs: frozenset[str] | None) -> object:
        """What a condition sees under a name: a map, or a list of maps.

        Args:
            bound: one event, or those of a repetition.
            needs: fields that will be read; None: all.
        """
        if isinstance(bound, LiveEvent):
            return self._view(bound, needs)
        return [self._view(event, needs) for event in bound]

    def _view(self, event: LiveEvent, needs: frozenset[str] | None) -> dict[str, Any]:
        key = (event.line.id, event.ended_at, needs)
        found = self._views.get(key)
        if found is None:
            names = ENVELOPE | self.attributes(event).keys() | {ATTRIBUTES} if needs is None else needs
            found = self._views[key] = dict(self._read(event, names))
        return found

    def _read(self, event: LiveEvent, names: frozenset[str]) -> Iterator[tuple[str, Any]]:
        for name in names:
            if name in ENVELOPE:
                if (text := self.envelope(event, name)) is not None:
                    yield name, text
            elif name == ATTRIBUTES:
                yield name, self.attributes(event)
            elif (value := self.attributes(event).get(name)) is not None:
                yield name, value

    def function(self, name: str) -> Callable[..., Any]:
        """A list function that notes its failure instead of raising: the library would log the values."""
        found = self._functions.get(name)
        if found is None:

            def found(*values: object) -> object:
                try:
                    return FUNCTIONS[name](_only_list(values))
                except (TypeError, ValueError, IndexError):
                    self._failed = f"cannot apply `{name}` to what it is given"
                    return None

            self._functions[name] = found
        return found

    def failure(self) -> str | None:
        """What a list function failed on since this was last asked."""
        failed, self._failed = self._failed, None
        return failed


def _only_list(values: tuple[object, ...]) -> list[Any]:
    match values:
        case (list() as only,):
            return only
        case _:
            raise TypeError("one list is wanted")


def _number(value: Attribute) -> Attribute:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def compile_condition(source: str) -> Condition | str:
    """Compiles a condition; a text says why it cannot be.

    >>> compile_condition("amount >")
    'not a condition: it ends too early or has a stray sign'
    """
    if len(source) > _LONGEST:
        return f"not a condition: it is longer than {_LONGEST:,} characters"
    try:
        reading = read(source)
        program = cel.compile(reading.with_doubles)
    except NotRead as error:
        return f"not a condition: {error}"
    except ValueError:
        return "not a condition: it ends too early or has a stray sign"
    unknown = sorted(reading.calls - FUNCTIONS.keys() - _CORE_FUNCTIONS)
    if unknown:
        return f"not a condition: `{unknown[0]}` is no function of conditions"
    if bad := sorted(pattern for pattern in reading.patterns if not _is_pattern(pattern)):
        return f"not a condition: {bad[0]} is no pattern for `matches`"
    return _condition(source, program, reading)


def _is_pattern(text: str) -> bool:
    """Whether a constant pattern, as written, compiles: else the condition would fail on every event."""
    try:
        cel.compile(f'"".matches({text})').execute({})
    except (ValueError, RuntimeError):
        return False
    return True


def _condition(source: str, program: cel.Program, reading: Reading) -> Condition:
    own = reading.needs.keys() - {ATTRIBUTES, BEFORE} - FUNCTIONS.keys()
    functions = tuple(sorted(reading.calls & FUNCTIONS.keys()))
    return Condition(
        source=source,
        program=program,
        paths=reading.paths,
        guarded=reading.guarded,
        functions=functions,
        needs=reading.needs,
        free=tuple(sorted(own - ENVELOPE)),
        enveloped=tuple(sorted(own & ENVELOPE)),
        is_plain=len(own) == len(reading.needs)
        and all(len(path) == 1 for path in reading.paths)
        and not (reading.guarded or functions),
    )


def evaluate(condition: Condition, event: LiveEvent, names: Names, fields: Fields) -> Verdict:
    """Evaluates a condition on an event.

    Args:
        condition: compiled.
        event: the event the step would bind; its fields are read by their bare names.
        names: what is bound, by name: one event is read as a map, a tuple as a list of maps, even of one or none;
            in a repetition its own name holds this event too. `before` is the event just before, left out if there
            is none.
        fields: decodes attributes on demand and counts errors.
    """
    context: dict[str, Any] = {}
    for root in condition.free:
        if root in names:
            context[root] = fields.seen(names[root], condition.needs[root])
        elif root in (own := fields.attributes(event)):
            context[root] = own[root]
    for root in condition.enveloped:
        if (value := fields.envelope(event, root)) is not None:
            context[root] = value
    if not condition.is_plain:
        _complete(condition, event, names, fields, context)
        if missing := _missing(condition, context):
            return Verdict(False, missing)
    elif len(context) < len(condition.needs):
        return Verdict(False, tuple(root for root in (*condition.enveloped, *condition.free) if root not in context))
    return _execute(condition, context, fields)


def _complete(condition: Condition, event: LiveEvent, names: Names, fields: Fields, context: dict[str, Any]) -> None:
    """Adds what only few conditions read."""
    if BEFORE in condition.needs and BEFORE in names:
        context[BEFORE] = fields.seen(names[BEFORE], condition.needs[BEFORE])
    if ATTRIBUTES in condition.needs:
        context[ATTRIBUTES] = fields.attributes(event)
    if condition.guarded:
        context[PRESENT] = {path[0]: True for path in condition.guarded if len(path) == 1 and path[0] in context}
        for root, *rest in condition.guarded:
            if rest:
                context.setdefault(root, [] if rest[0] in PLACES else {})
    for name in condition.functions:
        context[name] = fields.function(name)


def _missing(condition: Condition, context: Mapping[str, Any]) -> tuple[str, ...]:
    paths = {path for path in condition.paths - condition.guarded if _is_missing(path, context)}
    paths |= {(root,) for root in condition.needs.keys() - context.keys() - {path[0] for path in condition.paths}}
    return tuple(sorted(map(shown_path, paths)))


def _is_missing(path: Path, context: Mapping[str, Any]) -> bool:
    value: Any = context
    for place, word in enumerate(path):
        if word in PLACES:
            return any(_is_missing(path[place + 1 :], each) for each in _meant(value, word))
        if not isinstance(value, Mapping):
            return False
        if word not in value:
            return True
        value = value[word]
    return False


def _meant(values: Any, place: str) -> list[Any]:  # noqa: ANN401 - whatever stands under a name
    """The elements a path means; none where only the run can tell, or where there is no list."""
    if not isinstance(values, list) or place == SOME:
        return []
    return values[:1] if place == FIRST_OF else values[-1:] if place == LAST_OF else values


def shown_path(path: Path) -> str:
    """A path as a condition writes it.

    >>> shown_path(("n", LAST_OF, "amount"))
    'last(n).amount'
    """
    around = {FIRST_OF: "first({})", LAST_OF: "last({})"}
    if len(path) > 1 and path[1] in PLACES:
        path = (around.get(path[1], "{}").format(path[0]), *path[2:])
    return ".".join(path)


def _execute(condition: Condition, context: dict[str, Any], fields: Fields) -> Verdict:
    error = None
    try:
        result = condition.program.execute(context)
    except KeyError as fault:
        word = str(fault.args[0])
        missing = sorted(shown_path(path) for path in condition.paths if path[-1] == word)
        error = Verdict(False, tuple(missing) or (word,))
    except (RuntimeError, TypeError, ValueError, ArithmeticError, IndexError) as fault:
        missing = sorted(shown_path(path) for path in condition.guarded if _is_missing(path, context))
        error = Verdict(False, tuple(missing), None if missing else _in_words(fault))
    else:
        if not isinstance(result, bool):
            error = Verdict(False, (), "gives something else than true or false")
    if condition.functions and (failure := fields.failure()) is not None:
        error = Verdict(False, (), failure)
    if error is None:
        return TRUE if result else FALSE
    fields.errors += error.error is not None
    return error


def _in_words(fault: Exception) -> str:
    """What went wrong, without the values it went wrong with."""
    if isinstance(fault, TypeError):
        return "works with values of different kinds, such as a number and a text"
    return "reads beyond the end of a list" if isinstance(fault, IndexError) else "cannot be computed"
