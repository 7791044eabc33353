"""Where results end up: one module or folder per output. A sink never publishes to Kafka."""
