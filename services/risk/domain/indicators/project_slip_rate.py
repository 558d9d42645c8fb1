"""Projects reporting in the round whose forecast completion lies >= 90 days beyond their last known one / projects
reporting that have both.

A round is a calendar month; of several reports of a project in it, the last one with a forecast counts. The last known
forecast is that of the last report before the month that had one. First reports, and blank or quarantined forecasts,
are in neither number. The part `gap_days` is the sum of days between the two reports: divided by the denominator it
tells how long the round spans.
"""

from services.risk.domain.indicators.indicator import Indicator, Maturity

INDICATOR = Indicator(
    name="project_slip_rate",
    title="Slipping projects",
    definition=__doc__,
    bases=("count",),
    numerator={"count": "slipped"},
    denominator={"count": "slip_reports"},
    sample="slip_reports",
    parts={"count": {"gap_days": "slip_gap_days"}},
    maturity=Maturity.AT_PERIOD_END,
    counted="projects",
)
