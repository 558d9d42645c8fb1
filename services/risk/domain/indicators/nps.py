"""(Promoters, who say 9 or 10, less detractors, who say 0 to 6) / answers that say how likely the client is to
recommend the lender (0 to 10).

From -100 % to 100 %. Of a month: by the business date of the answer, in the segments of its client on that date; of a
survey its first answer counts. Both groups are shown as parts. Answers that arrive after the close of their month are
revisions of it. The higher the better, so a policy watches it with `direction: below`.
"""

from services.risk.domain.indicators.indicator import Indicator, Maturity

INDICATOR = Indicator(
    name="nps",
    title="Net promoter score (NPS)",
    definition=__doc__,
    bases=("count",),
    numerator={"count": "nps_net"},
    denominator={"count": "nps_answers"},
    sample="nps_answers",
    parts={"count": {"promoters": "nps_promoters", "detractors": "nps_detractors"}},
    maturity=Maturity.AT_PERIOD_END,
    good="high",
    counted="answers",
    lowest=-1.0,
)
