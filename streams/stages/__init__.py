"""One module per stage: intake, correlate, households, plan, deliver; and the worker that runs them.

A stage is a `Task` per input partition: decode, one pure call into `processors`, records to send.
"""
