"""The truth: which offers a synthetic town must lead to, found by the plainest means.

A second opinion on the platform. It reads what `headwater simulate` wrote about the true world
(`truth/events.jsonl`, `controls.jsonl`, `manifest.json`) and works out, by brute force and with
code of its own, every situation and every offer. It imports nothing of the platform: an error
shared with the code under test would stay unseen (`tests/unit/truth` proves the independence).
It does not know disturbances: duplicates, wrong first versions and disorder must not matter.

Run as `python -m tests.truth DIR`; writes `DIR/expected.json`.
"""
