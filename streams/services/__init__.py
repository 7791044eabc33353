"""Long-running processes beside the stages: those Faust has nothing to follow for.

`python -m streams.services NAME` runs one; each module offers `run(platform)`.
"""
