"""A registry of one process, and how it is written out."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric


class Registry(CollectorRegistry):
    """Families without their `_created` series: those would double the number of series and nobody reads them."""

    def collect(self) -> Iterable[Metric]:
        """Every family with its samples, times of creation left out."""
        for family in super().collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


def exposition(registry: CollectorRegistry, accept: str = "") -> tuple[bytes, str]:
    """What a scrape gets: body and content type, in the format the asker's `Accept` header prefers."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
