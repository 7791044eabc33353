"""What every confluent-kafka client of the platform has in common."""

from __future__ import annotations

from typing import Any


def client_config(bootstrap: str) -> dict[str, Any]:
    """Configuration shared by producers, consumers and admin clients; quiet, and quick to reconnect."""
    return {"bootstrap.servers": bootstrap, "log_level": 2, "reconnect.backoff.max.ms": 1000}
