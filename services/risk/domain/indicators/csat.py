"""Answers with a satisfaction of 4 or 5 (of 5) / answers that say how satisfied the client is.

Of a month: by the business date of the answer, in the segments of its client on that date; of a survey its first
answer counts. Answers that arrive after the close of their month are revisions of it. The higher the better, so a
policy watches it with `direction: below`.
"""

from services.risk.domain.indicators.indicator import Indicator, Maturity

INDICATOR = Indicator(
    name="csat",
    title="Client satisfaction (CSAT)",
    definition=__doc__,
    bases=("count",),
    numerator={"count": "csat_satisfied"},
    denominator={"count": "csat_answers"},
    sample="csat_answers",
    maturity=Maturity.AT_PERIOD_END,
    good="high",
    counted="answers",
)
