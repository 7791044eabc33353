"""The embedded broker: real Apache Kafka (KRaft, one node) as a child of this machine, nothing else.

It is for one host: development, demonstrations, tests. A cluster named by `HEADWATER_KAFKA` takes
its place everywhere; this package then only checks that it answers. Topics are made elsewhere.
"""

from streams.broker.embedded import Broker, Status, bootstrap, start_broker, status, stop_broker
from streams.broker.readiness import check_reachable

__all__ = ["Broker", "Status", "bootstrap", "check_reachable", "start_broker", "status", "stop_broker"]
