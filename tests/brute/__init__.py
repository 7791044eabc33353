"""A second opinion on the rule language: slow, plain, and with no code of the engine.

`matcher.standing` says which matches of a rule stand in the end on one subject's timeline. It was
written from the text of the specification alone and imports nothing of the platform, so that a slip
of either side shows (`tests/property/test_brute_force.py` compares them on random rules). It tries
and then checks: whole bindings first, absences after, overlap and report last. It knows no waiting,
no corrections and no lateness.
"""
