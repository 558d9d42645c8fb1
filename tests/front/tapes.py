"""The tapes that lie in the product, and small ones of our own."""

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import tocsin

DATA = Path(tocsin.__file__).parent / "data"
AUTO = [DATA / "auto_abs" / "loans.csv.gz", DATA / "auto_abs" / "payments.csv.gz"]
PROJECTS = [DATA / "nyc_projects" / "reports.csv.gz"]

_LOAN = {
    "loan_id": "1", "maturity": "2018-03", "state": "TX", "cutoff_month": "2017-05", "cutoff_balance": "1000.0",
    "instalment": "100.0", "last_month_in_window": "2020-12",
}  # fmt: skip
_PAYMENT = {
    "loan_id": "1", "month": "2017-06", "balance": "920.0", "principal_paid": "80.0", "amount_paid": "100.0",
    "recovered": "0.0", "repo_proceeds": "0.0",
}  # fmt: skip
_REPORT = {
    "reported": "2014-01-01", "project_id": "3", "category": "Sewers", "borough": "Queens", "managing_agency": "DDC",
    "phase": "Design", "budget_forecast": "1000000.0", "forecast_completion": "2020-01-14",
}  # fmt: skip


def write_auto(folder: Path, loans: Sequence[dict[str, str]], payments: Sequence[dict[str, str]]) -> list[Path]:
    """Write a tape of loans and payments; each row only says what differs from a plain one."""
    return [
        _write(folder / "loans.csv.gz", _LOAN, loans),
        _write(folder / "payments.csv", _PAYMENT, payments),
    ]


def write_projects(folder: Path, reports: Sequence[dict[str, str]]) -> list[Path]:
    return [_write(folder / "reports.csv", _REPORT, reports)]


def _write(path: Path, plain: dict[str, str], rows: Sequence[dict[str, str]]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, plain)
    writer.writeheader()
    writer.writerows({**plain, **row} for row in rows)
    raw = text.getvalue().encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path
