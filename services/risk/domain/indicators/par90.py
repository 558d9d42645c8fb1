"""Principal of loans with DPD > 90 at the close / all principal.

The whole outstanding principal of a late loan, not its late instalments. DPD counts from the contractual date of the
oldest uncovered instalment, moved to the next working day of the book's calendar, plus the book's `dpd_offset`; past
maturity it runs on. A restructured loan stays in for twelve months at no less than its DPD before restructuring and is
shown as the part `restructured`. Charged-off loans and loans that left the book are in neither number. Of a month:
at its last close.
"""

from services.risk.domain.indicators.indicator import Indicator, Maturity

INDICATOR = Indicator(
    name="par90",
    title="Portfolio at risk > 90 days",
    definition=__doc__,
    bases=("exposure",),
    numerator={"exposure": "par90"},
    denominator={"exposure": "exposure"},
    sample="loans",
    parts={
        "exposure": {
            "loans": "par90_loans",
            "restructured": "par90_restructured",
            "restructured_loans": "par90_restructured_loans",
        }
    },
    maturity=Maturity.AT_ONCE,
    period_kinds=("month", "day"),
)
