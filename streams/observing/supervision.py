"""What a supervisor serves: the operator's page, targets for Prometheus, its own metrics.

Everything shown is read from the processes at the moment of asking; nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from jinja2 import Environment, FileSystemLoader

from sinks.metrics import Meters
from streams.observing.overview import Overview, overview
from streams.observing.ports import Place, places, reachable
from streams.observing.process import metrics
from streams.observing.processes import look
from streams.observing.server import Answer, Asked, Routes, serving
from streams.observing.standing import Standing
from streams.settings import Settings

FOLDER = Path(__file__).parent
REFRESH_S = 15
HTML = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Supervision:
    """What a supervisor needs so that it and its processes can be observed.

    Attributes:
        address: of the operator's page; empty when `HEADWATER_METRICS_PORT` is unset.
        environments: what each process is told about its own port.
        standings: how each process stands, of those that ever ended.
    """

    address: str
    environments: Mapping[str, Mapping[str, str]]
    meters: Meters
    standings: dict[str, Standing]

    def note(self, process: str, standing: Standing) -> None:
        """Takes how a process stands now."""
        before = self.standings.get(process, Standing())
        self.standings[process] = standing
        self.meters.restarts.labels(process).inc(standing.restarts - before.restarts)
        self.meters.restart_pause.labels(process).set(standing.pause_s)
        self.meters.failing_since.labels(process).set(standing.failing_since)


@contextmanager
def supervised(settings: Settings, processes: Sequence[str]) -> Iterator[Supervision]:
    """Serves the operator's page of the processes named while the block runs, if a port is set.

    Raises:
        UserError: the port is taken or may not be used, or the processes' ports clash.
    """
    meters = Meters("supervisor")
    meters.expect_processes(processes)
    found = places(settings, processes)
    environments = {place.process: {"HEADWATER_METRICS_PORT": str(place.port)} for place in found}
    standings: dict[str, Standing] = {}
    if settings.metrics_port is None:
        yield Supervision("", environments, meters, standings)
        return
    host = reachable(settings.bind)
    with serving(settings.bind, settings.metrics_port, _routes(host, found, meters, standings)) as port:
        yield Supervision(f"http://{host}:{port}/", environments, meters, standings)


def _routes(host: str, found: tuple[Place, ...], meters: Meters, standings: Mapping[str, Standing]) -> Routes:
    def page(is_refreshing: bool) -> Answer:
        return render(overview(look(host, found), standings), datetime.now(UTC), is_refreshing)

    css = (FOLDER / "page.css").read_bytes()
    return {
        "/": lambda _: page(is_refreshing=True),
        "/still": lambda _: page(is_refreshing=False),
        "/page.css": lambda _: Answer(css, "text/css; charset=utf-8"),
        "/targets": lambda asked: targets(found, asked),
        "/metrics": lambda asked: metrics(meters, asked),
        "/livez": lambda _: Answer(b"live\n"),
        "/readyz": lambda _: Answer(b"ready\n"),
    }


def render(page: Overview, at: datetime, is_refreshing: bool) -> Answer:
    """The page as HTML; it asks to be read anew by a header, and a link stops that."""
    loaded = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True).get_template("page.html")
    body = loaded.render(page=page, at=f"{at:%d %B %Y, %H:%M:%S} UTC", is_refreshing=is_refreshing, every=REFRESH_S)
    refresh = {"Refresh": str(REFRESH_S)} if is_refreshing else {}
    return Answer(body.encode(), "text/html; charset=utf-8", headers={**HTML, **refresh})


def targets(found: tuple[Place, ...], asked: Asked) -> Answer:
    """Every process, for Prometheus's HTTP service discovery, at the address by which it reached this machine.

    Source: Prometheus documentation, "Writing HTTP service discovery"
    (https://prometheus.io/docs/prometheus/latest/http_sd/).
    """
    host = reachable(asked.host)
    groups = [{"targets": [f"{host}:{place.port}"], "labels": {"process": place.process}} for place in found]
    return Answer(orjson.dumps(groups), "application/json")
