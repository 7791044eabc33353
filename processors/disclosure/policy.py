"""How strictly weekly counts are protected; a deployment may set it.

Source: ONS, "Comparison of post-tabular statistical disclosure control methods", section 1: the
"10-5 rule", withhold below ten, round the rest to the nearest five.
https://www.ons.gov.uk/peoplepopulationandcommunity/populationandmigration/populationestimates/methodologies/comparisonofposttabularstatisticaldisclosurecontrolmethods
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DisclosurePolicy:
    """Limits for every week released from now on; weeks that are out are never changed.

    Attributes:
        least: a count with contributors, but fewer than so many, is withheld; 3 or more.
        round_to: published counts are rounded to the nearest multiple; 1 to `least`, so that a count
            that may be published never becomes 0.
        settle_days: days after a week's end before it is released; 0 or more.

    Raises:
        ValueError: a limit is out of range; the message names it.
    """

    least: int = 10
    round_to: int = 5
    settle_days: int = 7

    def __post_init__(self) -> None:
        """Refuses limits that protect nobody."""
        if self.least < 3:
            raise ValueError(f"least must be at least 3, not {self.least}")
        if not 1 <= self.round_to <= self.least:
            raise ValueError(f"round_to must be between 1 and least ({self.least}), not {self.round_to}")
        if self.settle_days < 0:
            raise ValueError(f"settle must not be negative, it is {self.settle_days} days")
