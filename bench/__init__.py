"""Benchmarks: what the platform costs, as ratios to a plain decode loop in the same run."""
