"""Where Maven repositories are looked for; the network is not used."""

from __future__ import annotations

from pathlib import Path

from streams.broker.maven import mirrors

SETTINGS = """\
<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0"><mirrors>
  <mirror><id>m</id><mirrorOf>{of}</mirrorOf><url>http://mirror.test/maven/</url></mirror>
</mirrors></settings>
"""


def settings(folder: Path, of: str) -> Path:
    path = folder / "settings.xml"
    path.write_text(SETTINGS.format(of=of))
    return path


def test_a_mirror_of_central_is_used(tmp_path: Path) -> None:
    assert mirrors((settings(tmp_path, "central"),)) == ["http://mirror.test/maven"]
    assert mirrors((settings(tmp_path, "*"),)) == ["http://mirror.test/maven"]


def test_a_mirror_of_something_else_is_not(tmp_path: Path) -> None:
    assert mirrors((settings(tmp_path, "internal"),)) == []
    assert mirrors((settings(tmp_path, "*,!central"),)) == []


def test_absent_and_broken_files_count_as_none(tmp_path: Path) -> None:
    (tmp_path / "broken.xml").write_text("<settings>")
    assert mirrors((tmp_path / "broken.xml", tmp_path / "absent.xml")) == []
