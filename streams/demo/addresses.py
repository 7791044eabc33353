"""Where the demo's pages are: the usual ports if they are free, other free ones if not."""

from __future__ import annotations

from dataclasses import dataclass

from streams.access import Kind
from streams.broker.ports import find_row, is_free
from streams.composition import access_file
from streams.processes import STAGES
from streams.settings import Settings

USUAL = {"board_port": 8600, "gateway_port": 8601, "metrics_port": 8610}


@dataclass(frozen=True, slots=True)
class Access:
    """Codes made for this run, by team and by agency."""

    teams: dict[str, str]
    agencies: dict[str, str]


def with_ports(settings: Settings, is_usual: bool) -> Settings:
    """The settings with a port for every page; what the environment names is kept.

    Args:
        settings: as loaded.
        is_usual: whether to prefer the usual ports: a person looks at them; a test must not rely on them.
    """
    free = {name: port for name, port in USUAL.items() if name not in settings.model_fields_set}
    if not (is_usual and all(_is_free(settings.bind, *each) for each in free.items())):
        first = find_row(len(STAGES) + 3, settings.bind)
        free = {name: first + place for name, place in (("board_port", 0), ("gateway_port", 1), ("metrics_port", 2))
                if name in free}  # fmt: skip
    return settings.model_copy(update=free)


def issue_codes(settings: Settings, teams: list[str], agencies: list[str]) -> Access:
    """New codes for all teams and agencies of the demo town."""
    codes = access_file(settings)
    return Access(
        {team: codes.issue(Kind.TEAM, team) for team in teams},
        {agency: codes.issue(Kind.AGENCY, agency) for agency in agencies},
    )


def _is_free(host: str, name: str, port: int) -> bool:
    """The operator's page takes the ports after its own for the stages."""
    return all(is_free(port + each, host) for each in range(len(STAGES) + 1 if name == "metrics_port" else 1))
