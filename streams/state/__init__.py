"""State of the stages: a cache of the log in RocksDB, one folder for each worker and partition.

Nothing here is the truth: whatever is lost, older or unreadable is folded from the topics again.
"""
