"""Every setting of the platform, read once from the environment.

Nothing else reads the environment. `load()` reports every fault at once; `headwater settings`
lists names, meanings and defaults from the field descriptions below.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from streams.errors import WrongUse

SECRETS = Path("/run/secrets")
"""Where Docker and Kubernetes put secrets: a file `headwater_<name>` there is that setting's value."""


class Settings(BaseSettings):
    """One frozen object, built once by the composition root and handed to whoever needs it."""

    model_config = SettingsConfigDict(
        env_prefix="HEADWATER_",
        env_file=".env",
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
    )

    kafka: str | None = Field(
        None, description="Bootstrap servers of the Kafka cluster; unset: the embedded Apache Kafka is used."
    )
    broker_port: int | None = Field(
        None, ge=1024, le=65535, description="Port of the embedded broker; unset: a free one, kept over restarts."
    )
    data: Path = Field(
        Path(".headwater"), description="Folder for everything this machine keeps: broker data, databases, keys, logs."
    )
    state: Path | None = Field(
        None,
        description="Folder of the stages' state, a cache of the log in RocksDB; a local disk; unset: `state` in the "
        "data folder.",
    )
    cache: Path = Field(
        Path.home() / ".cache" / "headwater",
        description="Folder for what is resolved once and can be resolved again: the broker's Java archives.",
    )
    deployment: Path | None = Field(
        None, description="Deployment folder (contracts, rules, purposes, teams, ...); unset: the shipped demo town."
    )
    registry: str | None = Field(
        None,
        description="Address of a schema registry (Confluent's protocol); unset: the contracts folder.",
    )
    case_db: str | None = Field(
        None, description="SQLAlchemy URL of the case database; unset: SQLite `cases.db` in the data folder."
    )
    register_db: str | None = Field(
        None, description="SQLAlchemy URL of the identity register; unset: SQLite `register.db` in the data folder."
    )
    register_key_file: Path | None = Field(
        None, description="File with the identity register's secret (32 bytes, base64); unset: made in the data folder."
    )
    board_key_file: Path | None = Field(
        None,
        description="File with the key that signs the board's sessions (32 bytes, base64); unset: `board.key`, made in "
        "the data folder. Nobody but the board should be able to read it.",
    )
    access_file: Path | None = Field(
        None, description="File with the hashed codes of teams and agencies; unset: `access.json` in the data folder."
    )
    bind: str = Field("127.0.0.1", description="Address every HTTP port listens on.")
    proxies: str = Field(
        "127.0.0.1",
        description="Addresses of reverse proxies before board and gateway, comma-separated, `*` for any: their "
        "`X-Forwarded-Proto` is believed.",
    )
    board_port: int = Field(8600, ge=1, le=65535, description="Port of the duty teams' board.")
    gateway_port: int = Field(8601, ge=1, le=65535, description="Port of the HTTP gateway for agencies.")
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port of /livez, /readyz and /metrics of a process; of `headwater up`: of the operator's page, "
        "the processes take the ports after it; unset: none.",
    )
    aggregates: Path | None = Field(
        None,
        description="Folder of the weekly aggregates, a Parquet file each; unset: `aggregates` in the data folder.",
    )
    clock: Literal["wall", "feeds"] = Field(
        "wall",
        description="What `now` is: `wall` the machine's clock, `feeds` the smallest mark of all feeds (demo, replay).",
    )
    event_partitions: int = Field(
        2, ge=1, le=512, description="Partitions of each agency topic, when Headwater creates it."
    )
    core_partitions: int = Field(
        4, ge=1, le=512, description="Partitions of the internal topics, when Headwater creates them."
    )
    replication: int = Field(1, ge=1, le=5, description="Replication factor of topics Headwater creates.")
    worker: str = Field(
        "1", description="Name of this worker within its stages; two workers of one stage need two names."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")


def load() -> Settings:
    """Reads the settings from the environment, else from `.env`, else from files of secrets.

    Raises:
        WrongUse: one or more settings are wrong; every fault is named in one message.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = ", ".join(
            f"HEADWATER_{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors()
        )
        raise WrongUse(
            f"wrong settings: {faults}", "correct them; `headwater settings` lists each with its meaning"
        ) from None
    except SettingsError as error:
        raise WrongUse(
            f"a setting cannot be read: {error.__cause__ or error}", "let this account read the file, or remove it"
        ) from None
