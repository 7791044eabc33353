"""Back-test: what rules would have found over a history, on files alone.

Two passes with bounded memory: `passes` sorts rows by subject into a spill file, then decides bucket by bucket
in as many processes as there are cores. No broker, no database.
"""
