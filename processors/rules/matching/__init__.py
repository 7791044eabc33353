"""Rules made ready, and the runs they find on a timeline."""
