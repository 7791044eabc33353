"""Maven repositories through jgo's pure-Python resolver: no Maven, no Java, no host named here.

Repositories are tried in this order: mirrors of Central in the user's or machine's Maven
`settings.xml`, then jgo's own default. Mirrors that ask for a password are not supported.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from streams.errors import Unreachable

if TYPE_CHECKING:
    from jgo.maven import MavenContext

SETTINGS_FILES = (Path.home() / ".m2" / "settings.xml", Path("/etc/maven/settings.xml"))
_MIRRORS_CENTRAL = {"central", "*", "external:*"}
_TIMEOUT_S = 20
_ROUNDS = 2


def fetch(coordinates: str, scratch: Path) -> Path:
    """Downloads one jar; every repository is tried, all of them once more after a passing fault.

    Args:
        coordinates: `group:artifact:version`.
        scratch: a folder of its own for this archive; made when absent.

    Raises:
        Unreachable: no repository gave the archive; names what the last one said.
    """
    group, artifact, version = coordinates.split(":")
    said = ""
    for context in chain.from_iterable(contexts(scratch) for _ in range(_ROUNDS)):
        try:
            return context.project(group, artifact).at_version(version).artifact().resolve()
        except (OSError, RuntimeError) as error:  # requests' exceptions are OSErrors
            said = str(error)
            shutil.rmtree(scratch, ignore_errors=True)
    raise Unreachable(
        f"{coordinates} could not be fetched: {said}",
        "the first start needs the network (a Maven repository; a mirror may be named in ~/.m2/settings.xml)",
    )


def contexts(scratch: Path) -> Iterator[MavenContext]:
    """One resolver per repository, in the order in which to try them."""
    from jgo.maven import MavenContext  # noqa: PLC0415  half a second that only the first start needs

    for mirror in mirrors():
        yield MavenContext(repo_cache=scratch, local_repos=[], remote_repos={"central": mirror}, timeout=_TIMEOUT_S)
    yield MavenContext(repo_cache=scratch, local_repos=[], timeout=_TIMEOUT_S)


def mirrors(files: tuple[Path, ...] = SETTINGS_FILES) -> list[str]:
    """Addresses that stand in for Maven Central, from Maven `settings.xml` files; broken files count as absent."""
    found: list[str] = []
    for path in files:
        try:
            root = ElementTree.parse(path).getroot()  # noqa: S314  the administrator's own file
        except (OSError, ElementTree.ParseError):
            continue
        found.extend(url for url in map(_central_url, root.iterfind(".//{*}mirror")) if url)
    return found


def _central_url(mirror: ElementTree.Element) -> str:
    """The mirror's address when it stands in for Central, else the empty string."""
    patterns = {pattern.strip() for pattern in (mirror.findtext("{*}mirrorOf") or "").split(",")}
    url = (mirror.findtext("{*}url") or "").strip().rstrip("/")
    is_for_central = "!central" not in patterns and bool(_MIRRORS_CENTRAL & patterns)
    return url if is_for_central and url.startswith("http") else ""
