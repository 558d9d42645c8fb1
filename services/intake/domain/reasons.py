"""Why a fact is not in the ledger: the same words in quarantine, metrics and replies."""

from shared.kernel.reason import Reason


class HeldReason(Reason):
    """Why a fact waits (the unknown ones go on by themselves) or is held until a person looks at it."""

    UNKNOWN_BOOK = "unknown_book"
    UNKNOWN_CLIENT = "unknown_client"
    UNKNOWN_LOAN = "unknown_loan"
    UNKNOWN_PROJECT = "unknown_project"
    UNKNOWN_FACT = "unknown_fact"
    CLIENT_ALREADY_KNOWN = "client_already_known"
    LOAN_ALREADY_KNOWN = "loan_already_known"
    PROJECT_ALREADY_KNOWN = "project_already_known"
    CURRENCY_DIFFERS = "currency_differs"
    CURRENCY_DIGITS = "currency_digits"
    TARGET_DIFFERS = "target_differs"
    CORRECTION_OF_CORRECTION = "correction_of_correction"
    IMPLAUSIBLE_FORECAST = "implausible_forecast"
    ID_REUSED = "id_reused"
    MALFORMED = "malformed"
    UNDIGESTIBLE = "undigestible"


class State(Reason):
    """Where a fact in quarantine stands."""

    WAITING = "waiting"
    """For something not known yet: goes on by itself."""
    QUARANTINED = "quarantined"
    """For a person: retry or dismiss."""
    DISMISSED = "dismissed"
