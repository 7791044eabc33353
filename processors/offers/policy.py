"""How often, and for how long, a household is approached.

A day is 24 hours counted from the instant in question, never a civil day: an offer opened at 14:10
for 14 days closes at 14:10 UTC-wise, clock changes or not. So the limits are exact, need no
calendar, and hold in every zone. Civil and working days (holds, response times) are correlate's.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class ContactPolicy:
    """Limits on contacts with one household; all days are 24 hours.

    Attributes:
        open_for_days: an offer opened at `t` is open in `[t, t + open_for)`, then lapses.
        cool_down_days: no new offer in `[closes_at, closes_at + cool_down)` after one lapsed.
        cap_offers: no new offer at `t` with that many contacts in `(t - cap_within, t]`.
        cap_within_days: length of that window.

    Raises:
        ValueError: a limit is out of range; the message names it.
    """

    open_for_days: int = 28
    cool_down_days: int = 30
    cap_offers: int = 3
    cap_within_days: int = 365

    def __post_init__(self) -> None:
        """Refuses limits that mean nothing."""
        least = {"open_for_days": 1, "cool_down_days": 0, "cap_offers": 1, "cap_within_days": 1}
        for name, limit in least.items():
            if getattr(self, name) < limit:
                raise ValueError(f"{name} must be at least {limit}, not {getattr(self, name)}")

    @property
    def open_for_ms(self) -> int:
        """How long an offer stays open, ms."""
        return self.open_for_days * DAY_MS

    @property
    def cool_down_ms(self) -> int:
        """How long after a lapsed offer no new one is opened, ms."""
        return self.cool_down_days * DAY_MS

    @property
    def cap_within_ms(self) -> int:
        """Length of the contact cap's window, ms."""
        return self.cap_within_days * DAY_MS

    @property
    def memory_ms(self) -> int:
        """How long a settled situation is remembered, so that a repetition of it is recognised, ms."""
        return max(self.open_for_ms, self.cool_down_ms, self.cap_within_ms)
