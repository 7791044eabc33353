"""What refuses or warns of a rule when it is loaded: names, types, conditions, limits, no harm."""
