"""Kafka Streams: its archives from Maven Central, compiled by Eclipse's compiler on the Java runtime from PyPI."""
