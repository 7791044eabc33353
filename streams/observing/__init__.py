"""How a process can be looked at: /livez, /readyz and /metrics of each, and the operator's page over all of them.

Serves HTTP from a thread of its own, so that a stage that is busy or stuck still answers. Nothing waits
for whoever looks: without Prometheus, or without a port set, the platform works the same.
"""
