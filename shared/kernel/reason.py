"""Why a decision was made: the same word in log, metric label, API and screen."""

from enum import StrEnum


class Reason(StrEnum):
    """Base of every service's reasons; members are lower_snake words."""
