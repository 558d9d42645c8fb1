"""Profile `auto_abs`: loan-level tapes of a US car loan securitisation (SEC Form ABS-EE), months only.

The mapping, as the page on indicators settles it: due date and payment on the 15th, charge-off and recoveries on the
month's last day, closure when the balance reaches 0, take-on at the month after the cut-off without arrears. Principal
falls by `principal_paid`; a balance that rises is capitalised; a balance that reaches 0 with a shortfall over USD 1.00
is a charge-off; a negative recovery corrects earlier ones; a loan whose rows stop unpaid before the window's end left
the book on the first day after its last month.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.kernel.days import Day, Month, format_day, format_month, month_end, month_start
from tocsin.profiles.base import BadCell, Body, FactWriter, Origin, Row, Tape, TapeUnreadable, money, rows_of, source_of

CURRENCY = "USD"
FIRST_DAY = "2017-06-01"
DUE_DAY = 15
TOLERANCE_CENTS = 100
MAX_INSTALMENTS = 600

_LOAN_COLUMNS = {"loan_id", "maturity", "state", "cutoff_month", "cutoff_balance", "instalment", "last_month_in_window"}
_PAYMENT_COLUMNS = {"loan_id", "month", "balance", "principal_paid", "amount_paid", "recovered", "repo_proceeds"}
_PAID, _CAPITALISED, _CLOSED = 0, 1, 2
_CHARGED_OFF, _RECOVERED = 0, 1
_TAKEN_ON = 1


@dataclass(frozen=True, slots=True)
class _Loan:
    id: str
    start: Month
    maturity: Month
    balance_cents: int
    instalment_cents: int
    region: str | None
    window_end: Month
    origin: Origin


@dataclass(frozen=True, slots=True)
class _Month:
    month: Month
    balance_cents: int
    principal_cents: int
    paid_cents: int
    recovered_cents: int
    proceeds_cents: int
    origin: Origin


class AutoAbs:
    """Maps loans.csv and payments.csv, in any order, gzipped or not, one or several of each."""

    name = "auto_abs"
    book = "auto"
    files = "loans.csv.gz payments.csv.gz"

    def opening(self, book: str) -> Body:
        """Return the body that opens the book: US calendar, USD, cut by region (the borrower's state)."""
        return {
            "book": book,
            "base_currency": CURRENCY,
            "time_zone": "America/New_York",
            "calendar": "US",
            "first_day": FIRST_DAY,
            "tolerance": {CURRENCY: money(TOLERANCE_CENTS)},
            "segment_attributes": ["region"],
        }

    def read(self, files: Sequence[Path], book: str) -> Tape:
        """Map the files; a loan without payments and every row that cannot be understood is a reject."""
        tape = Tape()
        loans: dict[str, _Loan] = {}
        months: dict[str, dict[Month, _Month]] = {}
        payments = []
        for path in files:
            header, rows = rows_of(path)
            if set(header) >= _LOAN_COLUMNS:
                for row in rows:
                    _read_loan(row, loans, tape)
            elif set(header) >= _PAYMENT_COLUMNS:
                payments.append(rows)
            else:
                missing = ", ".join(sorted((_LOAN_COLUMNS | _PAYMENT_COLUMNS) - set(header)))
                raise TapeUnreadable(f"{path}: neither a loan nor a payment file; it lacks {missing}")
        if not loans or not payments:
            raise TapeUnreadable(f"the profile {self.name} needs both kinds of files: {self.files}")
        for rows in payments:
            for row in rows:
                _read_month(row, loans, months, tape)
        write = FactWriter(source_of(self, book), book, tape)
        for loan in loans.values():
            course = [months[loan.id][month] for month in sorted(months[loan.id])] if loan.id in months else []
            if not course:
                tape.reject(loan.origin, "loan_id", "no payments: closed before the tape begins")
                continue
            _write_take_on(loan, write)
            _write_course(loan, course, write, tape)
            tape.last_day = max(tape.last_day, month_end(course[-1].month))
        tape.sort()
        return tape


def _read_loan(row: Row, loans: dict[str, _Loan], tape: Tape) -> None:
    try:
        loan = _Loan(
            id=row.text("loan_id"),
            start=row.month("cutoff_month") + 1,
            maturity=row.month("maturity"),
            balance_cents=row.cents("cutoff_balance"),
            instalment_cents=row.cents("instalment"),
            region=row.optional("state"),
            window_end=row.month("last_month_in_window"),
            origin=row.origin,
        )
        _check_loan(loan, loans)
    except BadCell as bad:
        tape.reject(row.origin, bad.column, bad.reason)
        return
    loans[loan.id] = loan


def _read_month(row: Row, loans: dict[str, _Loan], months: dict[str, dict[Month, _Month]], tape: Tape) -> None:
    try:
        loan = _loan_of(row, loans)
        month = _Month(
            month=row.month("month"),
            balance_cents=row.cents("balance"),
            principal_cents=row.cents("principal_paid"),
            paid_cents=row.cents("amount_paid"),
            recovered_cents=row.cents("recovered"),
            proceeds_cents=row.cents("repo_proceeds"),
            origin=row.origin,
        )
        _check_month(month, loan, months.get(loan.id, {}))
    except BadCell as bad:
        tape.reject(row.origin, bad.column, bad.reason)
        return
    months.setdefault(loan.id, {})[month.month] = month


def _loan_of(row: Row, loans: dict[str, _Loan]) -> _Loan:
    loan = loans.get(row.text("loan_id"))
    if loan is None:
        raise BadCell("loan_id", f"{row.text('loan_id')} is not among the loans of this tape")
    return loan


def _check_loan(loan: _Loan, loans: dict[str, _Loan]) -> None:
    if loan.id in loans:
        raise BadCell("loan_id", f"{loan.id} stands in the tape before, at line {loans[loan.id].origin.row}")
    if format_day(month_start(loan.start)) < FIRST_DAY:
        raise BadCell("cutoff_month", f"the book begins on {FIRST_DAY}")
    if loan.balance_cents < 0:
        raise BadCell("cutoff_balance", "is negative")
    if loan.instalment_cents <= 0:
        raise BadCell("instalment", "is not positive")
    if not 0 <= loan.maturity - loan.start < MAX_INSTALMENTS:
        raise BadCell("maturity", f"no remaining schedule between {format_month(loan.start)} and it")


def _check_month(month: _Month, loan: _Loan, known: dict[Month, _Month]) -> None:
    if month.month < loan.start:
        raise BadCell("month", f"before the loan's first month, {format_month(loan.start)}")
    if month.month in known:
        raise BadCell("month", f"{format_month(month.month)} of loan {loan.id} stands in the tape before")
    amounts = {"balance": month.balance_cents, "principal_paid": month.principal_cents, "amount_paid": month.paid_cents}
    for column, cents in amounts.items():
        if cents < 0:
            raise BadCell(column, "is negative")


def _write_take_on(loan: _Loan, write: FactWriter) -> None:
    """The loan as it stands at the cut-off: balance, the remaining schedule, arrears not known."""
    day = month_start(loan.start)
    client = f"c-{loan.id}"
    attributes = {"region": loan.region} if loan.region else None
    write.write(
        f"{client}-registered",
        "client.registered",
        day,
        loan.origin,
        client=client,
        kind="person",
        attributes=attributes,
    )
    amount = money(loan.instalment_cents)
    schedule = [{"due": format_day(_due(month)), "amount": amount} for month in range(loan.start, loan.maturity + 1)]
    write.write(
        f"{loan.id}-taken-on",
        "loan.taken_on",
        day,
        loan.origin,
        _TAKEN_ON,
        loan=loan.id,
        client=client,
        currency=CURRENCY,
        principal=money(loan.balance_cents),
        schedule={"kind": "given", "instalments": schedule},
    )


def _write_course(loan: _Loan, course: Sequence[_Month], write: FactWriter, tape: Tape) -> None:
    """What happened in each month, and how it ended."""
    before_cents, gone = loan.balance_cents, False
    for month in course:
        if gone and (month.paid_cents or month.principal_cents or month.balance_cents):
            tape.reject(month.origin, "balance", "the balance reached 0 in an earlier month")
        elif not gone:
            gone = _write_month(loan, month, before_cents, write, tape)
            before_cents = month.balance_cents
        _write_recoveries(loan, month, write)
    last = course[-1]
    if not gone and last.month < loan.window_end:
        key = f"{loan.id}-{format_month(last.month)}"
        write.write(f"{key}-left-book", "loan.left_book", month_end(last.month) + 1, last.origin, loan=loan.id)


def _write_month(loan: _Loan, month: _Month, before_cents: int, write: FactWriter, tape: Tape) -> bool:
    """Write payment, capitalisation and the end of the loan; return whether it ended."""
    key = f"{loan.id}-{format_month(month.month)}"
    day = _due(month.month)
    unexplained_cents = before_cents - month.principal_cents - month.balance_cents
    if month.principal_cents > month.paid_cents:
        tape.reject(month.origin, "principal_paid", "is more than amount_paid: principal falls by amount_paid only")
    if month.paid_cents > 0:
        write.write(
            f"{key}-paid",
            "repayment.received",
            day,
            month.origin,
            _PAID,
            loan=loan.id,
            amount=money(month.paid_cents),
            currency=CURRENCY,
            principal=money(min(month.principal_cents, month.paid_cents)),
        )
    if unexplained_cents < 0:
        write.write(
            f"{key}-capitalised",
            "loan.capitalised",
            day,
            month.origin,
            _CAPITALISED,
            loan=loan.id,
            amount=money(-unexplained_cents),
            currency=CURRENCY,
        )
    if month.balance_cents > 0:
        if unexplained_cents > 0:
            reason = f"falls by {money(unexplained_cents)} more than principal_paid: principal falls by principal_paid"
            tape.reject(month.origin, "balance", reason)
        return False
    if unexplained_cents > TOLERANCE_CENTS:
        end = month_end(month.month)
        write.write(f"{key}-charged-off", "loan.charged_off", end, month.origin, _CHARGED_OFF, loan=loan.id)
    else:
        write.write(f"{key}-closed", "loan.closed", day, month.origin, _CLOSED, loan=loan.id)
    return True


def _write_recoveries(loan: _Loan, month: _Month, write: FactWriter) -> None:
    """Each column its own fact; a negative amount takes back what earlier tapes or months gave."""
    for cents, word in ((month.recovered_cents, "recovered"), (month.proceeds_cents, "repossession")):
        if cents:
            write.write(
                f"{loan.id}-{format_month(month.month)}-{word}",
                "recovery.received" if cents > 0 else "recovery.reversed",
                month_end(month.month),
                month.origin,
                _RECOVERED,
                loan=loan.id,
                amount=money(abs(cents)),
                currency=CURRENCY,
            )


def _due(month: Month) -> Day:
    return month_start(month) + DUE_DAY - 1
