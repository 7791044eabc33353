"""Regenerates `kafka.lock`: resolves Kafka and its dependencies and writes down every jar's hash.

Run by a maintainer as `python -m streams.broker.relock` after changing `ENDPOINT`; never at run time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from jgo.env import EnvironmentBuilder, LinkStrategy

from streams.broker.archives import LOCK, Archive, render_lock, sha256_of
from streams.broker.maven import contexts

ENDPOINT = "org.apache.kafka:kafka_2.13:4.3.1+org.apache.logging.log4j:log4j-slf4j-impl:2.25.4!"
"""Kafka and the binding its log output needs; `!` keeps the binding's parent from managing Kafka's versions."""


def resolve(scratch: Path) -> list[Archive]:
    """Resolves `ENDPOINT` afresh below `scratch`; jars lie in `jars/` and in `modules/` alike."""
    context = next(contexts(scratch / "repository"))
    builder = EnvironmentBuilder(context=context, cache_dir=scratch / "environment", link_strategy=LinkStrategy.COPY)
    return [_archive(jar, scratch / "repository") for jar in builder.from_endpoint(ENDPOINT).all_jars]


def _archive(jar: Path, repository: Path) -> Archive:
    folder = next(repository.rglob(jar.name)).parent.relative_to(repository)
    *group, artifact, version = folder.parts
    return Archive(f"{'.'.join(group)}:{artifact}:{version}", sha256_of(jar))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        LOCK.write_text(render_lock(resolve(Path(name))))
