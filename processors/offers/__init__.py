"""Joined-up offers: what plan decides for each household, as a pure machine over event time."""
