"""Alarms: their rules hold by promtool's own tests, name metrics that exist, and say what to do."""

import re
import subprocess

import pytest
import yaml

from tests.support.compose_file import ROOT
from tests.support.prometheus import RULES, alarms, exported_names, metric_names, panel_queries, program, rule_queries

PROMETHEUS = ROOT / "deploy" / "prometheus"
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))
OPERATE = ROOT / "docs" / "operate.md"
FOREIGN = {"node_filesystem_avail_bytes", "node_filesystem_size_bytes"}


def promtool(*arguments: object) -> str:
    done = subprocess.run(
        [program("promtool"), *(str(one) for one in arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_configuration_and_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml")
    assert "SUCCESS" in promtool("check", "rules", *RULES.glob("*.yml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_promtool_cases_hold(case: object) -> None:
    assert "SUCCESS" in promtool("test", "rules", case)


def test_every_alarm_has_a_case_in_which_it_rings() -> None:
    ringing = {
        asked["alertname"]
        for case in CASES
        for test in yaml.safe_load(case.read_text())["tests"]
        for asked in test["alert_rule_test"]
        if asked["exp_alerts"]
    }
    assert ringing == {alarm["alert"] for alarm in alarms()}


def test_rules_and_dashboards_name_only_metrics_that_the_code_exports() -> None:
    known = exported_names() | FOREIGN
    wrong = {
        f"{query.place}: {name}"
        for query in [*rule_queries(), *panel_queries()]
        for name in metric_names(query.expression) - known
    }
    assert wrong == set()


@pytest.mark.parametrize("alarm", alarms(), ids=lambda alarm: alarm["alert"])
def test_an_alarm_says_what_it_is_and_where_it_is_written_what_to_do(alarm: dict[str, dict[str, str]]) -> None:
    assert alarm["labels"]["severity"] in ("critical", "warning")
    assert set(alarm["annotations"]) == {"summary", "description", "runbook"}
    page, anchor = alarm["annotations"]["runbook"].split("#")
    assert ROOT / page == OPERATE
    headings = re.findall(r"^#+ (.+)$", OPERATE.read_text(), re.MULTILINE)
    assert anchor in {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
