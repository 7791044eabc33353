"""What the fault tests share: something that strikes while the demo is under way."""

from __future__ import annotations

from collections.abc import Callable

from streams.demo.play import Demo, Played
from streams.processes import FAUST_STAGES
from streams.stages.supervisor import Supervisor
from tests.integration.towns import check_offers_once


class Saboteur:
    """Is told how far each stage is, as the demo's progress bar is; strikes while work waits."""

    def __init__(self) -> None:
        self.strike: Callable[[str, int, int], None] = lambda _stage, _done, _total: None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage in FAUST_STAGES:
            self.strike(stage, done, total)


def play(demo: Demo, saboteur: Saboteur, prepare: Callable[[Supervisor], Callable[[str, int, int], None]]) -> Played:
    """Plays the history with a saboteur at work; offers are checked on the topic too."""
    with demo.running() as (platform, supervisor):
        saboteur.strike = prepare(supervisor)
        played = demo.play(platform, supervisor)
        check_offers_once(platform)
    return played
