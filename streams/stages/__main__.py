"""`python -m streams.stages NAME`: one stage's worker in this process; started by the supervisor."""

from __future__ import annotations

import sys

from streams import composition, logs
from streams.composition import Platform
from streams.ending import Ending
from streams.errors import UserError
from streams.kafka.proved import require_proved
from streams.memory import look_seldom_for_cycles
from streams.observing.health import Health
from streams.observing.process import observed
from streams.settings import load
from streams.stages.gauges import meters_of
from streams.stages.worker import StageWorker


def main(stage: str, ending: Ending) -> int:
    """Builds the stage from the settings and runs it."""
    try:
        require_proved()
        settings = load()
        logs.configure(settings.log_level)
        platform = Platform(settings)
        with composition.stage(stage, platform) as built:
            meters, health = meters_of(stage, platform.deployment), Health()
            health.wait_for("its partitions")
            look_seldom_for_cycles()
            with observed(meters, health, settings):
                StageWorker(built, platform.bootstrap, settings, meters, health, ending).run()
    except UserError as error:
        sys.stderr.write(f"headwater {stage}: {error.problem}\n  remedy: {error.remedy}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    ending = Ending(sys.argv[1])
    ending.listen()
    # Not by `sys.exit`, which waits for threads that may still open partitions.
    ending.leave(main(sys.argv[1], ending))
