"""Loans charged off in the period / loans active at its start. On the basis of exposure: their principal at the
period's start in both.

Active at the start: in the book at the close before the month. The denominator is fixed then and the numerator only
grows, so it may be rated at once. A loan that enters and is charged off in one month is in neither number. Recoveries
do not lower it; what was recovered in the month, from any charge-off, is shown as the part `recovered` of the basis
exposure.
"""

from services.risk.domain.indicators.indicator import Indicator, Maturity

INDICATOR = Indicator(
    name="charge_off_rate",
    title="Charge-offs",
    definition=__doc__,
    bases=("count", "exposure"),
    numerator={"count": "charged_off", "exposure": "charged_off_principal"},
    denominator={"count": "active_at_start", "exposure": "active_at_start_principal"},
    sample="active_at_start",
    parts={"exposure": {"recovered": "recovered"}},
    maturity=Maturity.AT_ONCE,
)
