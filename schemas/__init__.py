"""Avro on the wire: contracts of agencies and their mappings, codec, wire format, schema registry.

Knows nothing of Kafka clients or databases; `streams` hands it bytes and gets values back.
"""
