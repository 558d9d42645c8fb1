"""Milestones whose approved baseline lies in the month and which were not achieved by its last day / milestones whose
approved baseline lies in the month, not cancelled by then.

The approved baseline of a milestone is the first that was reported (by value date); a later one re-baselines and
moves nothing: such milestones are shown as the part `rebaselined` of the delayed ones. A milestone is achieved on its
`actual` date, whenever that was reported; one achieved after its baseline but within the month is no delay and is shown
as the part `achieved_late`. One that is cancelled after the month was over stays in it. All parts are as at the
month's close.
"""

from services.risk.domain.indicators.indicator import Indicator, Maturity

INDICATOR = Indicator(
    name="project_delay_rate",
    title="Delayed milestones",
    definition=__doc__,
    bases=("count",),
    numerator={"count": "milestones_delayed"},
    denominator={"count": "milestones_due"},
    sample="milestones_due",
    parts={"count": {"rebaselined": "milestones_rebaselined", "achieved_late": "milestones_achieved_late"}},
    maturity=Maturity.AT_PERIOD_END,
    counted="milestones",
)
