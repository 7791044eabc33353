"""Whether a folder can be used, before anything relies on it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from streams.errors import Unreachable


def check_folder(path: Path, setting: str) -> None:
    """Makes the folder if it is missing, and tries whether what is in it can be read and more be written.

    Args:
        path: the folder.
        setting: variable by which an operator names it or a folder above it.

    Raises:
        Unreachable: it cannot be made, read or written; says which file and why.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"x" * 4096)
        locked = _first_locked(path)
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__, setting) from None
    if locked is not None:
        raise _unusable(locked, "Permission denied", setting)


def _first_locked(path: Path) -> Path | None:
    """The first file or folder below that this account may not read and write, None when there is none."""
    for entry in sorted(path.iterdir()):
        is_folder = entry.is_dir() and not entry.is_symlink()
        needed = os.R_OK | os.W_OK | (os.X_OK if is_folder else 0)
        if not os.access(entry, needed, effective_ids=True):
            return entry
        locked = _first_locked(entry) if is_folder else None
        if locked is not None:
            return locked
    return None


def _unusable(path: Path, why: str, setting: str) -> Unreachable:
    return Unreachable(
        f"{path} cannot be read and written ({why})",
        f"give this account the right to, free space, or let {setting} name another folder",
    )
