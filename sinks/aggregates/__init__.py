"""Weekly aggregates as Parquet files, one a week; `AggregateFiles` writes and reads them."""

from sinks.aggregates.files import AggregateFiles, AggregatesUnusable

__all__ = ["AggregateFiles", "AggregatesUnusable"]
