"""With which versions of its clients the transport was proved; no stage starts on others.

The transport relies on internals of Faust and aiokafka (`streams.kafka.chunks`) and on how librdkafka treats
transactions (`streams.kafka.transactions`). Another version may lose or repeat events without a word, so
this is no warning. After an upgrade run `tests/integration/test_transport.py`, then change the list and the pins
in `pyproject.toml`.
"""

from __future__ import annotations

from importlib.metadata import version

from streams.errors import WrongUse

PROVED = {
    "faust-streaming": "0.15.3",
    "mode-streaming": "0.7.1",
    "aiokafka": "0.14.0",
    "confluent-kafka": "2.16.0",
}


def require_proved() -> None:
    """Checks what is installed.

    Raises:
        WrongUse: something else is; every one is named.
    """
    others = [
        f"{name} {version(name)} (proved: {proved})" for name, proved in PROVED.items() if version(name) != proved
    ]
    if others:
        raise WrongUse(
            f"installed are {', '.join(others)}, with which exactly-once was not proved",
            "install what requirements.lock names",
        )
