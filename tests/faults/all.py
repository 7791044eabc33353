"""All fault cases, in the order of the table."""

from __future__ import annotations

from tests.faults import bad_input, failing_database, interrupting, killing, losing_state, merging, planting

ALL = [
    *killing.CASES,
    *interrupting.CASES,
    *failing_database.CASES,
    *losing_state.CASES,
    *bad_input.CASES,
    *merging.CASES,
    *planting.CASES,
]
