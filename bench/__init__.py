"""Benchmarks: what the platform costs, beside others that do the same job in the same run.

`workload` is the job, `peers` who does it, `machine` what measuring needs, `parts` what is measured;
`python -m bench` runs them. Figures and how to read them: `docs/performance.md`.
"""
