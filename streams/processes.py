"""The processes of the platform by name, in the order in which an event passes them."""

FAUST_STAGES = ("intake", "correlate", "households", "plan", "deliver")
"""Those that follow Kafka as Faust workers; `streams.stages` runs them."""

SERVICES = ("aggregate", "relay", "gateway", "board")
"""The others; each is a module of `streams.services`."""

STAGES = FAUST_STAGES + SERVICES
"""All of them, as `headwater up` names them."""
