"""How much the tests notice: small slips are put into the code on purpose, and some test has to fail.

`make mutants` draws a seeded sample from all mutants of `processors/rules` and runs the fast tests
against each. What survives is a gap in the tests or equivalent to the original; `survivors.md` says
which, and why. Works on a copy of the tree; a mutant exists in memory alone.
"""
