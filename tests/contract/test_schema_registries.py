"""What every schema registry must do, asked of the folder and of a server speaking Confluent's protocol."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from schemas.avro import AvroSchema, Unfit, read_schema
from schemas.registry import ConfluentRegistry, FolderRegistry, Registry, RegistryUnreachable


def _schema(name: str, *fields: str) -> AvroSchema:
    text = json.dumps({"type": "record", "name": name, "fields": [{"name": one, "type": "string"} for one in fields]})
    found = read_schema(text)
    assert not isinstance(found, Unfit)
    return found


class RegistrySuite:
    """Inherited by every registry."""

    @pytest.fixture
    def registry(self) -> Iterator[Registry]:
        raise NotImplementedError

    def test_finds_what_was_registered(self, registry):
        schema = _schema("Move", "to")
        number = registry.register("moves-value", schema)
        found = registry.find(number, "moves-value")
        assert found is not None
        assert (found.schema_id, found.schema, found.subjects) == (number, schema, {"moves-value"})

    def test_registering_again_changes_nothing(self, registry):
        first = registry.register("moves-value", _schema("Move", "to"))
        assert registry.register("moves-value", _schema("Move", "to")) == first

    def test_different_schemas_have_different_ids(self, registry):
        assert registry.register("a", _schema("A", "x")) != registry.register("b", _schema("B", "x"))

    def test_one_schema_may_stand_under_several_subjects(self, registry):
        number = registry.register("a", _schema("A", "x"))
        assert registry.find(number, "a") is not None
        assert registry.register("b", _schema("A", "x")) == number
        found = registry.find(number, "b")
        assert found is not None
        assert found.subjects == {"a", "b"}

    def test_an_unknown_id_is_none(self, registry):
        assert registry.find(424242) is None
        assert registry.find(0, "a") is None
        assert registry.find(2**32 - 1, "a") is None

    def test_may_be_closed_twice(self, registry):
        registry.close()
        registry.close()


class TestFolderRegistry(RegistrySuite):
    @pytest.fixture
    def registry(self) -> Iterator[Registry]:
        yield FolderRegistry()

    def test_ids_do_not_depend_on_order_or_process(self):
        assert FolderRegistry().register("a", _schema("A", "x")) == FolderRegistry().register("b", _schema("A", "x"))

    def test_documentation_does_not_change_the_id(self):
        plain = read_schema('{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]}')
        told = read_schema(
            '{"type":"record","name":"A","doc":"d","fields":[{"name":"x","type":{"type":"int"},"doc":"d"}]}'
        )
        assert not isinstance(plain, Unfit)
        assert not isinstance(told, Unfit)
        assert plain.derived_number == told.derived_number


class _Server(ThreadingHTTPServer):
    """A schema registry in memory: the part of Confluent's protocol that publishers and readers use."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.schemas: dict[int, tuple[str, set[str]]] = {}
        self.requests = 0


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.requests += 1
        parts = self.path.strip("/").split("/")
        known = self.server.schemas.get(int(parts[2]))
        if known is None:
            self._answer(404, {"error_code": 40403})
        elif parts[-1] == "versions":
            self._answer(200, [{"subject": subject, "version": 1} for subject in sorted(known[1])])
        else:
            self._answer(200, {"schema": known[0]})

    def do_POST(self) -> None:
        self.server.requests += 1
        subject = self.path.split("/")[2]
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["schema"]
        if subject == "refused":
            self._answer(409, {"error_code": 409, "message": "incompatible"})
            return
        number = next(
            (n for n, (known, _) in self.server.schemas.items() if known == text), len(self.server.schemas) + 1
        )
        self.server.schemas.setdefault(number, (text, set()))[1].add(subject)
        self._answer(200, {"id": number})

    def _answer(self, status: int, body: object) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def server() -> Iterator[_Server]:
    server = _Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class TestConfluentRegistry(RegistrySuite):
    @pytest.fixture
    def registry(self, server) -> Iterator[Registry]:
        yield ConfluentRegistry(f"http://127.0.0.1:{server.server_port}/")

    def test_asks_once_for_what_it_knows(self, registry, server):
        number = registry.register("a", _schema("A", "x"))
        for _ in range(5):
            registry.register("a", _schema("A", "x"))
            registry.find(number, "a")
        assert server.requests == 3

    def test_asks_again_for_an_unknown_id_only_after_a_while(self, server):
        now = [0.0]
        registry = ConfluentRegistry(f"http://127.0.0.1:{server.server_port}", monotonic=lambda: now[0])
        assert registry.find(1) is None
        server.schemas[1] = (_schema("A", "x").text, {"a"})
        assert registry.find(1) is None
        assert server.requests == 1
        now[0] = 60.0
        assert registry.find(1) is not None

    def test_nobody_answering_is_told_with_the_address(self):
        registry = ConfluentRegistry("http://127.0.0.1:1")
        with pytest.raises(RegistryUnreachable, match=r"127\.0\.0\.1:1"):
            registry.find(1)

    def test_a_refusal_is_told(self, registry):
        with pytest.raises(RegistryUnreachable, match="409"):
            registry.register("refused", _schema("A", "x"))
