"""What every test module may ask for; and a loud word about tests that real servers were missing for."""

import pytest

pytest_plugins = ["tests.support.kafka", "tests.support.postgres", "tests.support.databases"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last, and in red, what was not tested and what to install for it."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = sorted({report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)})
    if not reasons:
        return
    terminalreporter.write_sep("!", f"{len(skipped)} tests were SKIPPED: real servers were not tested", red=True)
    for reason in reasons:
        terminalreporter.write_line(reason, red=True)
