"""The pure core: events, timelines, rules, joined-up planning, consent.

Nothing in here does I/O, reads a clock, draws a random number or logs; time and configuration
come in as values, decisions go out as values.
"""
