"""Settings of the risk service, read once from the environment (`TOCSIN_*`)."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RiskSettings(BaseSettings):
    """Bounds of the evaluator and of what is read over HTTP."""

    model_config = SettingsConfigDict(env_prefix="TOCSIN_", extra="ignore", frozen=True)

    evaluate_poll_s: float = Field(
        default=1.0, ge=0.05, le=60.0, description="Seconds after which the evaluator looks for work unasked"
    )
    gauge_series: int = Field(
        default=500,
        ge=0,
        le=100_000,
        description="Series of indicators that one process shows as gauges at most",
    )
    answer_overdue_s: float = Field(
        default=300.0,
        ge=1.0,
        le=86_400.0,
        description="Seconds after which a revision of an alert that notify has not answered counts as lost",
    )
    close_by_h: int = Field(
        default=12,
        ge=0,
        le=23,
        description="Hour of the next working day, in the book's time zone, by which a working day is to be closed",
    )
    max_policy_bytes: int = Field(
        default=1024 * 1024, ge=1024, le=16 * 1024 * 1024, description="Bytes of one policy text at most"
    )
