"""Settings of a service process, read once from the environment (`TOCSIN_*`); all wrong ones are told at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.security.links import SECRET_LENGTH_MIN, Links
from shared.telemetry import configure_logs, configure_traces


class TelemetrySettings(BaseSettings):
    """What a process tells of its work."""

    model_config = SettingsConfigDict(env_prefix="TOCSIN_", extra="ignore", frozen=True)

    log_format: Literal["json", "console"] = Field(default="json", description="Log lines as JSON or for eyes")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least level logged")
    traces_endpoint: str = Field(
        default="",
        pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$",
        description="Base address of an OTLP/HTTP collector, as `http://collector:4318`; empty sends no traces",
    )
    traces_ratio: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Share of the traces that begin here which are sent to the collector"
    )

    def start(self, version: str) -> None:
        """Begin to tell as it is set."""
        configure_logs(self.log_format, self.log_level)
        configure_traces(self.traces_endpoint, self.traces_ratio, version)


class ProcessSettings(TelemetrySettings):
    """What every distributed service process needs."""

    model_config = SettingsConfigDict(env_prefix="TOCSIN_", extra="ignore", frozen=True)

    database_url: str = Field(
        pattern=r"^postgresql://",
        description="PostgreSQL database of this service, `postgresql://user:secret@host/name`",
    )
    kafka: str = Field(min_length=1, description="Apache Kafka bootstrap servers, `host:port,host:port`")
    keys_file: Path = Field(description="File with the hashed API keys, shared by all services")
    http_host: str = Field(default="127.0.0.1", description="Address to listen on")
    http_port: int = Field(default=8400, ge=1, le=65535, description="Port to listen on")
    partitions: int = Field(
        default=4, ge=1, le=64, description="Partitions per topic when topics are created (fixed then)"
    )
    database_connections: int = Field(default=10, ge=2, le=100, description="Connections to PostgreSQL at most")
    batch_records: int = Field(
        default=2_000, ge=1, le=20_000, description="Records of one partition in one transaction at most"
    )


class LinkSettings(BaseSettings):
    """What a service needs that makes or opens signed links."""

    model_config = SettingsConfigDict(env_prefix="TOCSIN_", extra="ignore", frozen=True)

    public_url: str = Field(
        default="http://127.0.0.1:8400",
        pattern=r"^https?://[^\s/]+(/[^\s]*)?$",
        description="Address under which people reach the services: links in messages begin with it",
    )
    link_secrets: str = Field(
        min_length=SECRET_LENGTH_MIN,
        repr=False,
        description="Secrets that sign links, newest first, separated by commas, each of at least 32 characters; "
        "the same for notify and feedback",
    )

    def links(self) -> Links:
        """Return what makes and opens links."""
        return Links([secret.strip() for secret in self.link_secrets.split(",")], self.public_url)


FirstT = TypeVar("FirstT", bound=BaseSettings)
SecondT = TypeVar("SecondT", bound=BaseSettings)


class SettingsWrong(Exception):
    """The environment does not hold usable settings; the message lists everything that is wrong."""

    def __init__(self, wrong: Sequence[str]) -> None:
        """`wrong`: one line for each variable; what several settings say alike is told once."""
        super().__init__("\n  ".join(["Settings are missing or wrong:", *dict.fromkeys(wrong)]))


def read_settings(kind: type[FirstT], other: type[SecondT]) -> tuple[FirstT, SecondT]:
    """Return both settings; SettingsWrong names every variable of either that is missing or wrong."""
    wrong: list[str] = []
    first, second = read_some(kind, wrong), read_some(other, wrong)
    if first is None or second is None:
        raise SettingsWrong(wrong)
    return first, second


def read_some(kind: type[FirstT], wrong: list[str], **given: Any) -> FirstT | None:
    """Return settings, in which `given` values stand before the environment's; None when `wrong` says why not."""
    try:
        return kind(**given)
    except ValidationError as error:
        wrong.extend(
            f"TOCSIN_{'_'.join(str(part) for part in one['loc']).upper()}: {one['msg']}" for one in error.errors()
        )
        return None


def settings_table(kind: type[BaseSettings]) -> str:
    """Return the Markdown table of a settings class, as docs/settings.md has it."""
    rows = ["| variable | meaning | default |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        default = "required" if field.is_required() else f"`{field.default}`"
        rows.append(f"| `TOCSIN_{name.upper()}` | {field.description} | {default} |")
    return "\n".join(rows) + "\n"
