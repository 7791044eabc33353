"""Schema registries behind one small protocol: a folder, or a server speaking Confluent's protocol.

A registry knows schemas by number and under which subjects each stands. Ids of `FolderRegistry`
are derived from the schema, so that every process gives the same without asking anyone.
Does not judge compatibility, nor frame bytes (`schemas.wire`).
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from schemas.avro import AvroSchema, Unfit, read_schema

_TIMEOUT_S = 10.0
_ASK_AGAIN_S = 30.0
_MOST_UNKNOWN = 10_000
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema a registry knows, and the subjects it stands under."""

    schema_id: int
    schema: AvroSchema
    subjects: frozenset[str]


class RegistryUnreachable(Exception):
    """The registry cannot be asked; nothing can be said about any schema. Try again later."""

    def __init__(self, address: str, cause: str) -> None:
        super().__init__(f"schema registry {address} cannot be used ({cause})")
        self.address = address
        self.cause = cause


class Registry(Protocol):
    """What intake and publishers need of a schema registry."""

    def find(self, schema_id: int, subject: str | None = None) -> Registered | None:
        """The schema with that id, or None.

        Args:
            schema_id: from the wire.
            subject: the subject the caller hopes to find it under; a registry that answers from
                memory asks again when it does not know that the schema stands there.

        Raises:
            RegistryUnreachable: nobody answers.
        """

    def register(self, subject: str, schema: AvroSchema) -> int:
        """Makes a schema known under a subject; idempotent. Returns its id.

        Raises:
            RegistryUnreachable: nobody answers, or the registry refuses.
        """

    def close(self) -> None:
        """Lets go of connections; may be called twice."""


class SchemaCollision(Exception):
    """Two different schemas have the same derived id; change one of them in any way to part them."""


@dataclass(slots=True)
class FolderRegistry:
    """The contracts themselves are the registry: embedded use, tests, `contracts try`."""

    _known: dict[int, Registered] = field(default_factory=dict)

    def find(self, schema_id: int, subject: str | None = None) -> Registered | None:  # noqa: ARG002 - protocol
        """See `Registry.find`."""
        return self._known.get(schema_id)

    def register(self, subject: str, schema: AvroSchema) -> int:
        """See `Registry.register`.

        Raises:
            SchemaCollision: another schema has that id (one in 2^31 for any two schemas).
        """
        number = schema.derived_number
        known = self._known.get(number)
        if known is None:
            known = Registered(number, schema, frozenset())
        elif known.schema.canonical != schema.canonical:
            raise SchemaCollision(f"`{known.schema.name}` and `{schema.name}` both have the id {number}")
        if subject not in known.subjects:
            self._known[number] = replace(known, subjects=known.subjects | {subject})
        return number

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(slots=True)
class ConfluentRegistry:
    """A client of Confluent's schema-registry protocol (Confluent, Apicurio, Karapace, Redpanda).

    What was found is kept for ever (ids never change meaning); that an id is unknown is kept for
    half a minute, so that a flood of bad bytes does not become a flood of requests.

    Args:
        address: base URL, `http://localhost:8081` or `http://localhost:8080/apis/ccompat/v7`.
        monotonic: seconds on a clock that never goes back.
    """

    address: str
    monotonic: Callable[[], float] = time.monotonic
    _known: dict[int, Registered] = field(default_factory=dict)
    _unknown: dict[tuple[int, str | None], float] = field(default_factory=dict)
    _ids: dict[tuple[str, str], int] = field(default_factory=dict)

    def find(self, schema_id: int, subject: str | None = None) -> Registered | None:
        """See `Registry.find`."""
        known = self._known.get(schema_id)
        if known is not None and (subject is None or subject in known.subjects):
            return known
        if self._was_asked_lately(schema_id, subject):
            return known
        found = self._fetch(schema_id)
        if found is not None:
            self._known[schema_id] = found
        if found is None or (subject is not None and subject not in found.subjects):
            self._unknown[(schema_id, subject)] = self.monotonic()
        return found

    def _was_asked_lately(self, schema_id: int, subject: str | None) -> bool:
        asked = self._unknown.get((schema_id, subject))
        if len(self._unknown) > _MOST_UNKNOWN:
            self._unknown.clear()
        return asked is not None and self.monotonic() - asked < _ASK_AGAIN_S

    def _fetch(self, schema_id: int) -> Registered | None:
        answer = self._ask(f"/schemas/ids/{schema_id}")
        if answer is None:
            return None
        schema = read_schema(str(answer.get("schema", "")))
        if isinstance(schema, Unfit):
            return None
        versions = self._ask(f"/schemas/ids/{schema_id}/versions") or []
        return Registered(schema_id, schema, frozenset(str(one["subject"]) for one in versions))

    def register(self, subject: str, schema: AvroSchema) -> int:
        """See `Registry.register`."""
        known = self._ids.get((subject, schema.canonical))
        if known is not None:
            return known
        path = f"/subjects/{urllib.parse.quote(subject, safe='')}/versions"
        answer = self._ask(path, {"schema": schema.text})
        if answer is None:
            raise RegistryUnreachable(self.address, "it has no subjects; is the path right?")
        self._ids[(subject, schema.canonical)] = number = int(answer["id"])
        return number

    def close(self) -> None:
        """Nothing to let go of: every request has its own connection."""

    def _ask(self, path: str, body: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        request = urllib.request.Request(  # noqa: S310 - the operator's own address
            self.address.rstrip("/") + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise RegistryUnreachable(self.address, f"HTTP {error.code} for {path}{_said(error)}") from None
        except (OSError, ValueError) as error:
            raise RegistryUnreachable(self.address, type(error).__name__) from None


def _said(error: urllib.error.HTTPError) -> str:
    """Why the registry refuses, in its own words, as far as it says so in the protocol's form."""
    try:
        return f": {json.load(error)['message']}"[:_LONGEST_REASON]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
