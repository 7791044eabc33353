"""The HTTP way in for agencies without a Kafka client: events, heartbeats, and what became of them.

Writes what `headwater publish` would write and answers when Kafka has it. Keeps nothing, decides
nothing about a record but whether it fits its contract's schema: the rest is intake's.
Nothing of a body is logged, and no answer quotes a value of one.
"""
