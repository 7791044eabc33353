"""A gateway on Kafka's double, and requests to it."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path
from typing import Any

import httpx

import infra
from schemas.deployment import Deployment
from schemas.publishing import register_contract
from schemas.registry import FolderRegistry
from sinks.metrics import Meters
from streams.access import AccessFile, Kind
from streams.gateway.app import create_app
from streams.gateway.fates import Fates
from streams.gateway.gateway import Gateway, Parts
from streams.gateway.receipts import AtMoment, AtPlace, Page
from streams.gateway.sending import MemorySender
from streams.services.gateway import agencies_of

DEMO = Path(infra.__file__).parent / "demo"
AGENCY = "employment-service"
FEED = f"{AGENCY}.job-declarations"
TOPIC = f"events.{FEED}.v1"
NUMBER = "85031512345"
NOW = 1_790_000_000_000


def record(number: int = 700100, **fields: Any) -> dict[str, Any]:
    lines = (DEMO / "contracts" / AGENCY / "job-declarations" / "samples" / "good.jsonl").read_text().splitlines()
    return {**json.loads(lines[0]), "aangifteNummer": number, **fields}


def cloud_event(number: int = 700100, **attributes: Any) -> dict[str, Any]:
    base = {"specversion": "1.0", "id": f"id-{number}", "source": f"/{AGENCY}", "type": f"{FEED}.v1"}
    return {**base, "data": record(number), **attributes}


@cache
def town() -> Deployment:
    """The demo town's deployment, read once."""
    return Deployment.load(DEMO)


def without_ids(told: Any) -> Any:
    """An answer without event ids: those are told, whatever an agency takes for one."""
    lists = {name: told[name] for name in ("accepted", "rejected") if name in told}
    return {**told, **{name: [{**one, "id": None} for one in lists[name]] for name in lists}}


class NoPages:
    """Receipts of nobody."""

    def page(self, agency: str, since: AtPlace | AtMoment | None, limit: int) -> Page:
        return Page([], 0)


class Way:
    """The application, what it sent, and a client with the code of one agency."""

    def __init__(self, folder: Path) -> None:
        deployment = town()
        registry = FolderRegistry()
        for contract in deployment.contracts.values():
            register_contract(contract, registry)
        self.access = AccessFile(folder / "access.json")
        self.code = self.access.issue(Kind.AGENCY, AGENCY)
        self.kafka = MemorySender()
        self.fates = Fates()
        self.parts = Parts(
            agencies_of(list(deployment.contracts.values())),
            registry, 2, lambda: NOW, self.kafka, self.fates, lambda: True, self.kafka, NoPages(),
        )  # fmt: skip
        self.serve(Gateway(self.parts))
        self._runner = asyncio.Runner()

    def serve(self, gateway: Gateway) -> None:
        """From now on requests go to that gateway."""
        self.meters = Meters("gateway")
        self.app = create_app(gateway, self.access, self.meters)

    def become(self, agency: str) -> None:
        """From now on requests have the code of that agency."""
        self.code = self.access.issue(Kind.AGENCY, agency)

    def close(self) -> None:
        self._runner.close()

    def post(
        self, body: Any, media_type: str = "application/json", path: str = "/v1/events", **headers: str
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) or hasattr(body, "__anext__") else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.ask("POST", path, content, {"Content-Type": media_type, **named})
        assert NUMBER not in json.dumps(without_ids(answer.json()))
        assert "Traceback" not in answer.text
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert set(answer.json()) >= {"type", "title", "status", "detail", "remedy"}
            assert answer.json()["status"] == answer.status_code
        return answer

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, b"", headers)

    def ask(self, method: str, path: str, content: Any, headers: dict[str, str]) -> httpx.Response:
        """One request with the agency's code, unless `headers` has another."""
        return self._runner.run(self._ask(method, path, content, headers))

    async def _ask(self, method: str, path: str, content: Any, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            with_code = {"Authorization": f"Bearer {self.code}", **headers}
            sent = {name: value for name, value in with_code.items() if value}
            return await client.request(method, path, content=content, headers=sent)
