"""`python -m streams.services NAME`: one service in this process; started by the supervisor."""

from __future__ import annotations

import sys
from collections.abc import Callable

from confluent_kafka import KafkaException

from streams import logs, topics
from streams.composition import Platform
from streams.ending import Ending
from streams.errors import Unreachable, UserError, WrongUse
from streams.kafka.transactions import kafka_fault
from streams.services import aggregate, board, gateway, relay
from streams.settings import load

RUNS: dict[str, Callable[[Platform, Ending], None]] = {
    "aggregate": aggregate.run,
    "relay": relay.run,
    "gateway": gateway.run,
    "board": board.run,
}


def main(name: str, ending: Ending) -> int:
    """Runs a service until SIGTERM."""
    try:
        if name not in RUNS:
            raise WrongUse(f"there is no service `{name}`", f"name one of: {', '.join(RUNS)}")
        settings = load()
        logs.configure(settings.log_level)
        platform = Platform(settings)
        topics.ensure(platform.bootstrap, platform.topics, settings)
        RUNS[name](platform, ending)
    except UserError as error:
        sys.stderr.write(f"headwater {name}: {error.problem}\n  remedy: {error.remedy}\n")
        return error.exit_code
    except KafkaException as error:
        sys.stderr.write(
            f"headwater {name}: {kafka_fault(error)}\n  remedy: see that Kafka runs and nobody else does this work\n"
        )
        return Unreachable.exit_code
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    ending = Ending(sys.argv[1])
    ending.listen()
    ending.leave(main(sys.argv[1], ending))
