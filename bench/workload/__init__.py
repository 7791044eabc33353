"""The common job: what is measured, and what must come out of it."""

from __future__ import annotations

from pathlib import Path

DEPLOYMENT = Path(__file__).parent / "deployment"
"""The deployment folder of all benchmarks: three agencies, twenty types, one rule of two steps."""

FIRST = "job_lost"
SECOND = "rent_arrears_reported"
WITHIN_MS = 720 * 3_600_000
"""The rule: `SECOND` after `FIRST`, of the same person, at most so long after it."""
