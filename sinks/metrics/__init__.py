"""What a process tells Prometheus: families in a registry of the process's own, and counting of HTTP requests.

Decides nothing and knows no stage: whoever works sets the figures. No label ever comes from data: each
takes its values from a closed list or from the deployment, so that their number is bounded and no
person, household or offer can appear.
"""

from sinks.metrics.meters import RESULTS, Meters

__all__ = ["RESULTS", "Meters"]
