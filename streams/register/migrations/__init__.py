"""Schema changes of the identity register, run by `streams.register.schema`."""
