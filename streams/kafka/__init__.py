"""Kafka, as Headwater uses it: chunks in through Faust, transactions out through confluent-kafka."""
