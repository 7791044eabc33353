"""An agency's feed as a file: records in order of delivery, and heartbeats.

One JSON object a line: `{"record": {...}}`, the agency's own record, or `{"heartbeat": ms}`, "nothing
recorded up to then is still to come, save what is out of order". Values are native JSON; what Avro
has and JSON has not is restored by `read_feed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import orjson

from streams.simulation.facts import COURT, FEEDS
from streams.simulation.span import Span


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The agency is alive and has sent everything up to `ms`."""

    ms: int


def read_feed(path: Path) -> Iterator[dict[str, Any] | Heartbeat]:
    """Reads a feed in order of delivery.

    Yields:
        Records ready for `fastavro.schemaless_writer` with the contract's schema (decimals are
        `Decimal`; dates and timestamps are the whole numbers the schema's type counts in), and
        heartbeats.
    """
    is_court = path.name.startswith(COURT)
    with path.open("rb") as lines:
        for line in lines:
            row = orjson.loads(line)
            if "heartbeat" in row:
                yield Heartbeat(row["heartbeat"])
                continue
            record: dict[str, Any] = row["record"]
            if is_court:
                record["claim"]["amount"] = Decimal(record["claim"]["amount"])
            yield record


class FeedWriter:
    """Puts records of all feeds in order of delivery, with memory for a month's share of them.

    Records are put aside in a file per feed and month as they come, and sorted one such file at a
    time. The files put aside lie in `folder` while it works and are gone after `finish`.

    Args:
        folder: where the feeds go; exists.
        span: heartbeats fall on each of its midnights, the first and the end included.
    """

    _MONTH_DAYS = 30
    _FLUSH_AT = 20_000

    def __init__(self, folder: Path, span: Span) -> None:
        self._folder = folder
        self._span = span
        self._aside: dict[tuple[str, int], list[bytes]] = {}
        self._kept = 0
        for left_over in folder.glob("*.aside"):  # of a run that was broken off
            left_over.unlink()
        self.counts: dict[str, int] = dict.fromkeys(FEEDS, 0)

    def add(self, feed: str, sent_at: int, record: dict[str, Any]) -> None:
        """Puts one record aside; what would be sent after the end is sent just before it."""
        sent_at = min(sent_at, self._span.end - 1)
        share = max(sent_at - self._span.midnights[0], 0) // (self._MONTH_DAYS * 86_400_000)
        line = b"%015d %b\n" % (sent_at, orjson.dumps({"record": record}))
        self._aside.setdefault((feed, share), []).append(line)
        self.counts[feed] += 1
        self._kept += 1
        if self._kept >= self._FLUSH_AT:
            self._flush()

    def finish(self) -> None:
        """Writes the feeds."""
        self._flush()
        for feed in FEEDS:
            with (self._folder / f"{feed}.jsonl").open("wb") as out:
                self._write(feed, out)

    def _write(self, feed: str, out: IO[bytes]) -> None:
        beats = list(self._span.midnights[: self._span.days + 1])
        shares = self._span.days // self._MONTH_DAYS + 1
        for share in range(shares):
            for line in self._sorted_share(feed, share):
                while beats and beats[0] <= int(line[:15]):
                    out.write(orjson.dumps({"heartbeat": beats.pop(0)}) + b"\n")
                out.write(line[16:])
        out.writelines(orjson.dumps({"heartbeat": beat}) + b"\n" for beat in beats)

    def _sorted_share(self, feed: str, share: int) -> list[bytes]:
        path = self._aside_path(feed, share)
        if not path.exists():
            return []
        lines = path.read_bytes().splitlines(keepends=True)
        path.unlink()
        return sorted(lines, key=lambda line: line[:15])

    def _flush(self) -> None:
        for (feed, share), lines in self._aside.items():
            with self._aside_path(feed, share).open("ab") as out:
                out.writelines(lines)
        self._aside.clear()
        self._kept = 0

    def _aside_path(self, feed: str, share: int) -> Path:
        return self._folder / f"{feed}.{share:04d}.aside"
