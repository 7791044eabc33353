"""The edges of Headwater: settings, Kafka transport, one module per stage, ways in, command line.

The only package that knows all others. No rule of the domain lives here: a stage decodes,
makes one pure call into `processors`, and sends what comes back.
"""
