"""What the processes of this machine say of themselves, read from their /readyz and /metrics."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from streams.observing.ports import Place

PATIENCE_S = 1.0
"""A process that does not answer in that time is shown as not answering: the page must not wait for it."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as it answered.

    Attributes:
        readiness: what /readyz said; None when nobody answered.
        is_ready: whether it said so.
        samples: (labels, value) by name of the sample.
    """

    process: str
    readiness: str | None = None
    is_ready: bool = False
    samples: Mapping[str, tuple[tuple[Labels, float], ...]] = field(default_factory=dict, repr=False)

    def total(self, name: str) -> float | None:
        """Sum over all label values; None when the process does not know the metric."""
        found = self.samples.get(name)
        return sum(value for _, value in found) if found else None

    def by(self, name: str, label: str) -> dict[str, float]:
        """Value by one label."""
        return {labels[label]: value for labels, value in self.samples.get(name, ())}


def look(host: str, places: Iterable[Place]) -> tuple[Seen, ...]:
    """Asks all processes at once; one that does not answer is told so, never an error."""
    places = tuple(places)
    with ThreadPoolExecutor(max(1, len(places))) as pool:
        return tuple(pool.map(lambda place: _look_at(f"http://{host}:{place.port}", place.process), places))


def _look_at(address: str, process: str) -> Seen:
    try:
        status, readiness = _get(f"{address}/readyz")
        _, exposed = _get(f"{address}/metrics")
        return Seen(process, readiness.strip(), status == 200, _samples(exposed))
    except (
        OSError,
        ValueError,
        http.client.HTTPException,
    ):
        # Not there, too slow, or something else listens on that port.
        return Seen(process)


def _get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:  # noqa: S310 - http, made above
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def _samples(exposed: str) -> dict[str, tuple[tuple[Labels, float], ...]]:
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(exposed):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return {name: tuple(each) for name, each in found.items()}
