"""Settings of the intake service, read once from the environment (`TOCSIN_*`)."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.db.room import OUTBOX_ROWS_MAX


class IntakeSettings(BaseSettings):
    """Bounds of what intake takes in."""

    model_config = SettingsConfigDict(env_prefix="TOCSIN_", extra="ignore", frozen=True)

    max_body_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1024, le=16 * 1024 * 1024, description="Bytes of one request's body at most"
    )
    max_fact_bytes: int = Field(
        default=1024 * 1024, ge=1024, le=16 * 1024 * 1024, description="Bytes of one fact at most"
    )
    max_batch_facts: int = Field(default=10_000, ge=1, le=100_000, description="Facts in one request at most")
    transaction_facts: int = Field(
        default=1_000, ge=1, le=5_000, description="Facts of one request in one transaction at most"
    )
    latest_forecast_year: int = Field(
        default=2100, ge=2000, le=2199, description="A project forecast to complete after this year waits for a person"
    )
    outbox_rows_max: int = Field(
        default=OUTBOX_ROWS_MAX,
        ge=1,
        le=100_000_000,
        description="Messages that may wait for the log; beyond it intake answers 503 and stores nothing",
    )
    default_source: str = Field(
        default="http", min_length=1, max_length=128, description="Source of facts that are posted without one"
    )
