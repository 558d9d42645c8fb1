"""Why somebody is told, told later, or not: the same word in a row, a metric's label, the API and on the page."""

from shared.kernel.reason import Reason


class NoticeReason(Reason):
    """Why a notice goes to somebody, waits, or is dropped."""

    ROUTED = "routed"
    TOLD_BEFORE = "told_before"
    """Was told of this alert, so is told how it goes on, whatever the routes say now."""
    NO_ROUTE = "no_route"
    """No route matches: the fallback person is told."""
    ROUTE_TO_NOBODY = "route_to_nobody"
    """The routes that match lead to nobody who could be told: the fallback person is told."""
    NO_ADDRESS = "no_address"
    """Staff: told in the inbox, because there is no address for the channel. Clients: waits for an address."""
    QUIET_HOURS = "quiet_hours"
    SILENCED = "silenced"
    INVITED = "invited"
    NO_CONTACT = "no_contact"
    NO_CONSENT = "no_consent"
    NO_MAIL_SERVER = "no_mail_server"
    """No channel is set up that reaches clients: goes on once one is."""
    EXPIRED = "expired"
    """The survey's link would not work any more."""
    RECIPIENT_GONE = "recipient_gone"
    """The person or endpoint does not exist any more."""


class QuietReason(Reason):
    """Why a revision is told to nobody."""

    NOTHING_NEW = "nothing_new"
    """The alert goes on as it was, got better, or was acknowledged."""
    SAME_LEVEL = "same_level"
    """Its past was corrected, and its level is what it was."""
    NOBODY_WAS_TOLD = "nobody_was_told"
    """It ended, and nobody had been told of it."""


class EndReason(Reason):
    """Why a message is not tried any more."""

    NONE = ""
    REFUSED = "refused"
    ATTEMPTS_SPENT = "attempts_spent"
    TOO_OLD = "too_old"
    NO_RECORD = "no_record"
    """It may have been sent: the process ended, or lost its lease, between sending and recording."""
    NO_ANSWER = "no_answer"
    """It may have been taken: the receiver broke off before it said so."""
    RECIPIENT_GONE = "recipient_gone"
    """The endpoint does not exist any more."""
