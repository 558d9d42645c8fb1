"""Loans performing at the month's start whose DPD exceeds 90 at the month's last close, or charged off in the month /
loans performing at the month's start. On the basis of exposure: the same with principal at the month's start in both.

The month's last close, not any day's: a due date 90 and some days back is often paid two days later. Not annualised.
Performing at the start: in the book at the close before the month and not in default then; loans new in the month are
in neither number, one with DPD > 90 at its first month end starts in default. A loan in default performs again after
three month ends in a row at DPD 0. The DPD of a restructured loan is that of its new schedule here; only PAR holds on
to the old one. A loan closed or gone from the book within the month stays in the denominator. The part `charged_off`
is the numerator's share that came by charge-off.
"""

from services.risk.domain.indicators.indicator import Indicator, Maturity

INDICATOR = Indicator(
    name="default_rate",
    title="Defaults",
    definition=__doc__,
    bases=("count", "exposure"),
    numerator={"count": "defaulted", "exposure": "defaulted_principal"},
    denominator={"count": "performing", "exposure": "performing_principal"},
    sample="performing",
    parts={
        "count": {"charged_off": "defaulted_by_charge_off"},
        "exposure": {"charged_off": "defaulted_by_charge_off_principal"},
    },
    maturity=Maturity.AT_PERIOD_END,
)
