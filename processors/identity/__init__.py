"""Who is who, as far as it can be decided without any I/O.

Identifiers and their hashes, which ids belong to which person, where a person lived at a time,
and what a line of a population file must hold. Does not store anything and knows no secret but
those handed in; the identity register itself is `streams.register`.
"""
