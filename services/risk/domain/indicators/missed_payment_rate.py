"""Loans active at a due date in the month with repayments net of reversals = 0 in it / loans active at a due date in
the month.

Any amount counts as paid, whatever is due. A month is a calendar month and an instalment belongs to the month of its
contractual date, also when that is moved to a working day of the next month: payments that arrive on that day fall
into the next month. A loan is active at a due date when it had been disbursed or taken on by then and was closed,
charged off or left the book on that day or later. Loans that paid ahead (nothing uncovered at the close of the month)
stay in both numbers and are shown as the part `paid_ahead`. Final when the period is; before, it is the count so far.
"""

from services.risk.domain.indicators.indicator import Indicator, Maturity

INDICATOR = Indicator(
    name="missed_payment_rate",
    title="Missed payments",
    definition=__doc__,
    bases=("count",),
    numerator={"count": "missed_loans"},
    denominator={"count": "due_loans"},
    sample="due_loans",
    parts={"count": {"paid_ahead": "missed_loans_paid_ahead"}},
    maturity=Maturity.AT_PERIOD_END,
)
