"""Invitations to a survey that were answered / invitations.

Of a month: by the business date of the invitation, in the segments of its client on that date; an answer counts for
its invitation whenever it comes, so a month's first published value rises by revisions until its last invitation has
expired. Those that were neither answered nor expired at the month's close are shown as the part `open_at_close`: a
policy that watches it with `direction: below` should leave room for them.
"""

from services.risk.domain.indicators.indicator import Indicator, Maturity

INDICATOR = Indicator(
    name="survey_response_rate",
    title="Answered surveys",
    definition=__doc__,
    bases=("count",),
    numerator={"count": "surveys_answered"},
    denominator={"count": "surveys_invited"},
    sample="surveys_invited",
    parts={"count": {"open_at_close": "surveys_open_at_close"}},
    maturity=Maturity.AT_PERIOD_END,
    good="high",
    counted="invitations",
)
