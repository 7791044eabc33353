"""What board and gateway serve for operators, beside their own port: /livez, /readyz, /metrics.

People and agencies reach the port of a web service, and figures by the second would tell them when
somebody acted. So the figures are on the metrics port only, and what is said there of the service's health
is what it answers to whoever asks on its own port.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from sinks.metrics import Meters
from streams.observing.ports import reachable
from streams.observing.process import metrics, routes_of
from streams.observing.server import Answer, Asked, Routes, serving
from streams.settings import Settings

PATIENCE_S = 5.0
"""How long the service may take to answer; shorter than Prometheus's patience, 10 s."""

MOST_SAID = 500
"""How much of an answer is read, bytes."""

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Whatever proxy the environment names: this machine is asked without it."""


@contextmanager
def observed_service(meters: Meters, settings: Settings, port: int) -> Iterator[None]:
    """Lets a web service be observed on `HEADWATER_METRICS_PORT` while the block runs; does nothing when that is unset.

    Args:
        port: the service's own.

    Raises:
        UserError: the metrics port is taken or may not be used.
    """
    if settings.metrics_port is None:
        yield
        return
    with serving(settings.bind, settings.metrics_port, service_routes(meters, OwnPort(settings.bind, port))):
        yield


def service_routes(meters: Meters, own: OwnPort) -> Routes:
    """The three paths. A service that hangs has no figures either, so that Prometheus sees it down."""
    health = routes_of(meters, own)

    def figures(asked: Asked) -> Answer:
        live = health["/livez"](asked)
        return metrics(meters, asked) if live.status == http.client.OK else live

    return {**health, "/metrics": figures}


class OwnPort:
    """The health of a web service, asked for on its own port each time.

    Args:
        bind: address on which it listens.
    """

    def __init__(self, bind: str, port: int) -> None:
        self._address = f"http://{reachable(bind)}:{port}"

    def why_not_live(self) -> str:
        """Why the process should be ended and started anew; empty when it answers anything at all."""
        return "" if self._ask("/livez") else self._silence

    def why_not_ready(self) -> str:
        """Why it cannot do its work, as it says itself; empty when it can."""
        answer = self._ask("/readyz")
        if answer is None:
            return self._silence
        status, said = answer
        return "" if status == http.client.OK else f"answers {status}: {' '.join(said.split())}"

    @property
    def _silence(self) -> str:
        return f"does not answer at {self._address} within {PATIENCE_S:.0f} s"

    def _ask(self, path: str) -> tuple[int, str] | None:
        """Status and text; None when nobody answers."""
        try:
            with DIRECT.open(f"{self._address}{path}", timeout=PATIENCE_S) as answer:
                return answer.status, answer.read(MOST_SAID).decode(errors="replace")
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read(MOST_SAID).decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return None
