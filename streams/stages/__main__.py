"""`python -m streams.stages NAME`: one stage's worker in this process; started by the supervisor."""

from __future__ import annotations

import sys

from streams import composition, logs
from streams.errors import UserError
from streams.settings import load
from streams.stages.worker import StageWorker


def main(stage: str) -> int:
    """Builds the stage from the settings and runs it."""
    try:
        settings = load()
        logs.configure(settings.log_level)
        with composition.stage(stage, settings) as (built, bootstrap):
            StageWorker(built, bootstrap, settings).run()
    except UserError as error:
        sys.stderr.write(f"headwater {stage}: {error.problem}\n  remedy: {error.remedy}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
