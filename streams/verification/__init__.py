"""Proof that nothing was lost and nothing told twice, from topics and databases alone."""
