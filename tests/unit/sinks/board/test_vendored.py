"""What others have written is as it is listed, and without what only GOV.UK may use."""

from __future__ import annotations

import re
from hashlib import sha256

from sinks.board.serving import STATIC

VENDOR = STATIC / "vendor"


def test_files_are_as_listed():
    listed = dict(re.findall(r"\| `([^`]+)` \| `([0-9a-f]{64})` \|", (VENDOR / "VENDORED.md").read_text()))
    there = {file.name: sha256(file.read_bytes()).hexdigest() for file in VENDOR.iterdir() if file.suffix != ".md"}
    assert there == listed


def test_no_typeface_crest_or_foreign_address():
    style = (VENDOR / "govuk-frontend.min.css").read_text()
    for word in ("GDS Transport", "@font-face", "crest", "url(", "@import"):
        assert word not in style, word
    assert "var(--board-typeface)" in style


def test_every_package_has_its_licence():
    names = {
        re.sub(r"\.(min\.)?(js|css)$", "", file.name) for file in VENDOR.iterdir() if file.suffix in {".js", ".css"}
    }
    assert all((VENDOR / f"{name}.LICENSE.txt").exists() for name in names)
