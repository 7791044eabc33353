"""`python -m tests.truth DIR`: writes `DIR/expected.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.truth.town import expect


def main() -> int:
    """Works out the town in the folder named on the command line."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m tests.truth DIR  (a folder written by `headwater simulate`)\n")
        return 2
    folder = Path(sys.argv[1])
    if not (folder / "manifest.json").is_file():
        sys.stderr.write(f"{folder}: no manifest.json; write a town there first: headwater simulate --out {folder}\n")
        return 2
    expected = expect(folder)
    target = folder / "expected.json"
    target.write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(expected['offers'])} offers, {len(expected['suppressed'])} suppressed: {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
