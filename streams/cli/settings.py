"""`headwater settings`: every setting with its environment variable, meaning and default.

`docs/settings.md` is this list: `headwater settings --markdown > docs/settings.md`.
Shows defaults, not what is set here: a value may name a password.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.table import Table

from streams.settings import Settings

_PAGE = """# Settings

Environment variables, or lines of a file `.env` in the working folder; the environment wins. An empty
variable counts as unset. `headwater settings` prints this list; a wrong value is reported by every command
with the variable's name. What neither names is looked for in a file `/run/secrets/headwater_<name>`, where Docker and
Kubernetes put secrets: use it for the addresses of the databases, which hold passwords.

This page is made by `headwater settings --markdown > docs/settings.md`.

| variable | meaning | default |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """One setting.

    Attributes:
        default: as it would be written in the environment; None: unset.
        choices: the legal values, where they are few.
    """

    name: str
    variable: str
    meaning: str
    default: str | None
    choices: tuple[str, ...]


def settings_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print as the page docs/settings.md.")] = False,
) -> None:
    """Lists every setting: environment variable, meaning, default.

    Example: headwater settings --json
    """
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in entries()], indent=2))
    elif as_markdown:
        typer.echo(page(), nl=False)
    else:
        Console().print(_table())


def entries() -> list[SettingEntry]:
    """Every setting, in the order of its declaration."""
    prefix = Settings.model_config["env_prefix"]
    return [
        SettingEntry(
            name=name,
            variable=f"{prefix}{name}".upper(),
            meaning=(field.description or "").strip(),
            default=_default(field),
            choices=_choices(field),
        )
        for name, field in Settings.model_fields.items()
    ]


def page() -> str:
    """The page `docs/settings.md`."""
    rows = [
        f"| `{one.variable}` | {one.meaning.replace('|', chr(92) + '|')} | {_shown(one.default)} |\n"
        for one in entries()
    ]
    return _PAGE + "".join(rows)


def _shown(default: str | None) -> str:
    return "unset" if default is None else f"`{default}`"


def _default(field: FieldInfo) -> str | None:
    """The same on every machine: the home folder is written `~`."""
    value = field.get_default(call_default_factory=False)
    if isinstance(value, Path) and value.is_relative_to(Path.home()):
        return str(Path("~") / value.relative_to(Path.home()))
    return None if value is None else str(value)


def _choices(field: FieldInfo) -> tuple[str, ...]:
    if get_origin(field.annotation) is not Literal:
        return ()
    return tuple(str(one) for one in get_args(field.annotation))


def _table() -> Table:
    table = Table("variable", "meaning", "default", box=None, pad_edge=False)
    for one in entries():
        table.add_row(one.variable, one.meaning, "unset" if one.default is None else one.default)
    return table
