"""Profile `nyc_projects`: repeated reports on public building projects (NYC Open Data, Capital Projects).

Client = the managing agency; one fact per report, its value date is the report's date. The columns `total_...` are as
at the last report and would look ahead, so they are not read. A forecast that is absurd goes through as it stands:
intake's plausibility limit quarantines it, with the reason, where somebody can correct it.
"""

from collections.abc import Sequence
from pathlib import Path

from shared.kernel.days import day_of, month_end, month_of, parse_day
from tocsin.profiles.base import BadCell, Body, FactWriter, Row, Tape, TapeUnreadable, money, rows_of, source_of

CURRENCY = "USD"
FIRST_DAY = "2013-09-01"
_COLUMNS = {"reported", "project_id", "category", "borough", "managing_agency", "phase", "forecast_completion"}
_BUDGET = "budget_forecast"
_CLIENT, _PROJECT, _REPORT = 0, 1, 2


class NycProjects:
    """Maps reports.csv, gzipped or not, one file or several."""

    name = "nyc_projects"
    book = "projects"
    files = "reports.csv.gz"

    def opening(self, book: str) -> Body:
        """Return the body that opens the book: US calendar, USD, cut by region (borough) and industry (category)."""
        return {
            "book": book,
            "base_currency": CURRENCY,
            "time_zone": "America/New_York",
            "calendar": "US",
            "first_day": FIRST_DAY,
            "segment_attributes": ["region", "industry"],
        }

    def read(self, files: Sequence[Path], book: str) -> Tape:
        """Map the files; rows that cannot be understood are rejects."""
        tape = Tape()
        write = FactWriter(source_of(self, book), book, tape)
        reports: list[tuple[str, str, Row]] = []
        seen: dict[tuple[str, str], int] = {}
        for path in files:
            header, rows = rows_of(path)
            missing = _COLUMNS - set(header)
            if missing:
                raise TapeUnreadable(f"{path}: not a file of project reports; it lacks {', '.join(sorted(missing))}")
            for row in rows:
                _read_report(row, reports, seen, tape)
        clients: set[str] = set()
        projects: set[str] = set()
        for reported, project, row in sorted(reports, key=lambda report: (report[1], report[0])):
            _write_report(reported, project, row, write, clients, projects)
            tape.last_day = max(tape.last_day, month_end(month_of(parse_day(reported))))
        tape.sort()
        return tape


def _read_report(row: Row, reports: list[tuple[str, str, Row]], seen: dict[tuple[str, str], int], tape: Tape) -> None:
    try:
        project, reported = row.text("project_id"), row.date("reported").isoformat()
        _check_report(project, reported, row, seen)
    except BadCell as bad:
        tape.reject(row.origin, bad.column, bad.reason)
        return
    seen[project, reported] = row.origin.row
    reports.append((reported, project, row))


def _check_report(project: str, reported: str, row: Row, seen: dict[tuple[str, str], int]) -> None:
    row.text("managing_agency")
    if reported < FIRST_DAY:
        raise BadCell("reported", f"the book begins on {FIRST_DAY}")
    if (project, reported) in seen:
        raise BadCell("reported", f"project {project} reported on {reported} in line {seen[project, reported]}")
    if row.optional("forecast_completion"):
        row.date("forecast_completion")
    if row.optional(_BUDGET) and row.cents(_BUDGET) < 0:
        raise BadCell(_BUDGET, "is negative")


def _write_report(
    reported: str, project: str, row: Row, write: FactWriter, clients: set[str], projects: set[str]
) -> None:
    """Write the report, and before the first of a client or project its registration."""
    client, day = row.text("managing_agency"), day_of(row.date("reported"))
    if client not in clients:
        clients.add(client)
        write.write(
            f"agency-{client}-registered",
            "client.registered",
            parse_day(FIRST_DAY),
            row.origin,
            _CLIENT,
            client=client,
            kind="company",
        )
    if project not in projects:
        projects.add(project)
        attributes = {
            name: value
            for name, value in (("region", row.optional("borough")), ("industry", row.optional("category")))
            if value
        }
        write.write(
            f"{project}-registered",
            "project.registered",
            day,
            row.origin,
            _PROJECT,
            project=project,
            client=client,
            currency=CURRENCY,
            attributes=attributes or None,
        )
    forecast = row.date("forecast_completion").isoformat() if row.optional("forecast_completion") else None
    budget = money(row.cents(_BUDGET)) if row.optional(_BUDGET) else None
    write.write(
        f"{project}-{reported}-reported",
        "project.reported",
        day,
        row.origin,
        _REPORT,
        project=project,
        forecast_completion=forecast,
        phase=row.optional("phase"),
        budget=budget,
        currency=CURRENCY if budget else None,
    )
