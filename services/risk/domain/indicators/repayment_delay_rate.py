"""Instalments due in the month and uncovered at its close / instalments due in the month.

Payments are allocated to instalments oldest first and what is paid beyond the dues is carried forward; an instalment
is covered when cumulative due - cumulative paid (net of reversals) is at most the book's tolerance. An instalment
belongs to the month of its contractual date; the close that counts is that of the month's last day or, when the
calendar moves its date beyond that day, of the moved date. A pay-off covers everything open. Instalments due up to
the day of a charge-off, of leaving the book or of a restructuring count; those then uncovered stay uncovered, later
ones of the old schedule are no longer due. On a book where extensions are granted and not marked as restructurings
this turns into a stock: show it, put no portfolio alert on it.
"""

from services.risk.domain.indicators.indicator import Indicator, Maturity

INDICATOR = Indicator(
    name="repayment_delay_rate",
    title="Delayed instalments",
    definition=__doc__,
    bases=("count",),
    numerator={"count": "instalments_uncovered"},
    denominator={"count": "instalments_due"},
    sample="instalments_due",
    maturity=Maturity.AT_PERIOD_END,
    counted="instalments",
)
