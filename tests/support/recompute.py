"""The indicators once more, computed from the tapes alone with polars: the independent witness of the figures.

Written from the definitions (docs: indicators) and the tapes' own columns; nothing of the product is imported. Every
function returns `{period: (numerator, denominator)}` with periods `YYYY-MM`, counts as loans or projects and exposure
as cents.
"""

import calendar
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import holidays
import polars as pl

Series = dict[str, tuple[int, int]]

FIRST_MONTH = "2017-06"
TOLERANCE_CENTS = 100
DUE_DAY = 15
LATEST_PLAUSIBLE_YEAR = 2100
_CENTS = ("balance", "principal_paid", "amount_paid", "cutoff_balance", "instalment")


def auto_rows(loans: Path, payments: Path) -> pl.DataFrame:
    """Return one row per loan and month with what every indicator needs, money in cents."""
    loan = pl.read_csv(loans, infer_schema_length=None).select("loan_id", "cutoff_balance", "instalment", "maturity")
    rows = pl.read_csv(payments, infer_schema_length=None).join(loan, on="loan_id").sort("loan_id", "month")
    rows = rows.with_columns(
        *((pl.col(name) * 100).round().cast(pl.Int64) for name in _CENTS),
        n=_month_number("month") - _number(FIRST_MONTH),
        last_instalment=_month_number("maturity") - _number(FIRST_MONTH),
    )
    rows = rows.with_columns(
        before=pl.col("balance").shift(1).over("loan_id").fill_null(pl.col("cutoff_balance")),
        paid=pl.col("amount_paid").cum_sum().over("loan_id"),
    )
    ended = pl.col("balance") == 0
    shortfall = pl.col("before") - pl.col("principal_paid")
    covered = (pl.col("paid") + TOLERANCE_CENTS) // pl.col("instalment")
    rows = rows.with_columns(
        charged_off=ended & (shortfall > TOLERANCE_CENTS),
        paid_off=ended & (shortfall <= TOLERANCE_CENTS),
        uncovered=pl.min_horizontal(covered, pl.col("last_instalment") + 1),
        missed=pl.col("amount_paid") == 0,
        due=pl.col("n") <= pl.col("last_instalment"),
    )
    dpd = [_dpd(n, uncovered, last) for n, uncovered, last in rows.select("n", "uncovered", "last_instalment").rows()]
    rows = rows.with_columns(dpd=pl.Series(dpd, dtype=pl.Int64))
    return rows.with_columns(dpd=pl.when(ended).then(0).otherwise(pl.col("dpd")))


def missed_payment_rate(rows: pl.DataFrame) -> Series:
    """Loans active at a due date in the month without any repayment in it, of those active."""
    due = rows.filter(pl.col("due"))
    return _series(due.group_by("month").agg(a=pl.col("missed").sum(), b=pl.len()))


def repayment_delay_rate(rows: pl.DataFrame) -> Series:
    """Instalments due in the month and uncovered at its close, of those due; a pay-off settles everything."""
    due = rows.filter(pl.col("due"))
    late = (pl.col("uncovered") <= pl.col("n")) & ~pl.col("paid_off")
    return _series(due.group_by("month").agg(a=late.sum(), b=pl.len()))


def par(rows: pl.DataFrame, days: int) -> Series:
    """Principal of loans with more than `days` DPD at the month's last close, of all principal (cents)."""
    late = pl.when(pl.col("dpd") > days).then(pl.col("balance")).otherwise(0)
    return _series(rows.group_by("month").agg(a=late.sum(), b=pl.col("balance").sum()))


def charge_off_rate(rows: pl.DataFrame, *, by_principal: bool = False) -> Series:
    """Loans charged off in the month, of the loans active at its start; or the same with principal at the start.

    The start of a month is the close before it, so the month of the take-on has no value.
    """
    opening = _opening(rows, pl.lit(True))
    lost = rows.filter(pl.col("charged_off") & (pl.col("n") > 0)).select(
        "month", weight=pl.col("before"), hit=pl.lit(1)
    )
    return _rate(opening, lost, by_principal=by_principal)


def default_rate(rows: pl.DataFrame, *, by_principal: bool = False) -> Series:
    """Performing at month start and beyond 90 DPD at its last close or charged off in it, of those performing.

    The start of a month is the close before it. A defaulted loan performs again after three month ends at DPD 0.
    """
    performs, defaulted = [], []
    loan_now, in_default, clean = None, False, 0
    for loan, n, dpd, charged_off in rows.select("loan_id", "n", "dpd", "charged_off").rows():
        if loan != loan_now:
            loan_now, in_default, clean = loan, False, 0
        defaults = charged_off or dpd > 90
        defaulted.append(defaults and not in_default and n > 0)
        if defaults:
            in_default, clean = True, 0
        elif in_default:
            clean = clean + 1 if dpd == 0 else 0
            in_default = clean < 3
        performs.append(not in_default)
    rows = rows.with_columns(performs=pl.Series(performs), defaulted=pl.Series(defaulted))
    lost = rows.filter(pl.col("defaulted")).select("month", weight=pl.col("before"), hit=pl.lit(1))
    return _rate(_opening(rows, pl.col("performs")), lost, by_principal=by_principal)


def project_slip_rate(reports: Path) -> Series:
    """Projects whose forecast lies at least 90 days beyond their last known one, of those that have both."""
    rows = pl.read_csv(reports, infer_schema_length=None).sort("project_id", "reported")
    cells: dict[str, list[int]] = {}
    known: dict[int, date] = {}
    for project, reported, forecast in rows.select("project_id", "reported", "forecast_completion").rows():
        if forecast is None:
            continue
        day = date.fromisoformat(forecast)
        if day.year > LATEST_PLAUSIBLE_YEAR:
            continue
        before = known.get(project)
        known[project] = day
        if before is not None:
            cell = cells.setdefault(reported[:7], [0, 0])
            cell[0] += day - before >= timedelta(days=90)
            cell[1] += 1
    return {month: (cell[0], cell[1]) for month, cell in sorted(cells.items())}


def percent(series: Series, periods: Iterable[str], digits: int = 1) -> list[float]:
    """Return the values of some periods in percent, rounded as the table of figures rounds."""
    return [round(100 * series[period][0] / series[period][1], digits) for period in periods]


_US = holidays.country_holidays("US")


def _dpd(n: int, uncovered: int, last: int) -> int:
    """Days past due at the end of month n of the oldest uncovered instalment, 0 when none is due."""
    if uncovered > min(n, last):
        return 0
    year, month = divmod(_number(FIRST_MONTH) + uncovered, 12)
    due = date(year, month + 1, DUE_DAY)
    while due.weekday() >= 5 or due in _US:
        due += timedelta(days=1)
    year, month = divmod(_number(FIRST_MONTH) + n, 12)
    end = date(year, month + 1, calendar.monthrange(year, month + 1)[1])
    return max(0, (end - due).days)


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _opening(rows: pl.DataFrame, which: pl.Expr) -> pl.DataFrame:
    """Count and principal of the loans that stand at each close, under the month that this close opens."""
    standing = rows.filter((pl.col("balance") > 0) & which & (pl.col("month") < rows["month"].max()))
    following = pl.col("month").str.to_date("%Y-%m").dt.offset_by("1mo").dt.strftime("%Y-%m")
    return standing.group_by(following).agg(count=pl.len(), principal=pl.col("balance").sum())


def _rate(opening: pl.DataFrame, lost: pl.DataFrame, *, by_principal: bool) -> Series:
    hits = lost.group_by("month").agg(hits=pl.col("hit").sum(), lost=pl.col("weight").sum())
    joined = opening.join(hits, on="month", how="left").fill_null(0)
    a, b = ("lost", "principal") if by_principal else ("hits", "count")
    return _series(joined.select("month", a=pl.col(a), b=pl.col(b)))


def _month_number(column: str) -> pl.Expr:
    text = pl.col(column).str
    return text.slice(0, 4).cast(pl.Int64) * 12 + text.slice(5, 2).cast(pl.Int64) - 1


def _series(grouped: pl.DataFrame) -> Series:
    return {month: (int(a), int(b)) for month, a, b in grouped.sort("month").select("month", "a", "b").rows()}


def regions(loans: Path) -> dict[str, list[int]]:
    """Return the loans of each state."""
    rows = pl.read_csv(loans, infer_schema_length=None).group_by("state").agg("loan_id").sort("state")
    return {state: list(found) for state, found in rows.rows()}
