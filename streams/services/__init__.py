"""Long-running processes beside the stages: those Faust has nothing to follow for.

`python -m streams.services NAME` runs one; each module offers `run(platform)`.
"""

SERVICES = ("aggregate", "relay", "gateway", "board")
"""Their names; each is a module here."""
