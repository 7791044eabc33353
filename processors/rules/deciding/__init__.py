"""From a timeline and what was told before to decisions."""
