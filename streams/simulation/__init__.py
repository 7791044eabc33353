"""A synthetic town: people, their lives, what agencies send about them, and the truth of it all.

`town.build` writes everything into one folder; `feeds.read_feed` reads an agency's feed back.
Every household draws from a random generator of its own, derived from the seed and the household's
number, so that the same arguments give the same bytes and no household depends on another.
Sends nothing anywhere and knows neither rules nor offers.
"""
