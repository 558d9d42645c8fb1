"""Dashboards fit what Grafana reads, and what provisions them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.compose_file import ROOT, read_compose
from tests.support.prometheus import DASHBOARDS
from tocsin.deployment import SECRETS

FILES = sorted(DASHBOARDS.glob("*.json"))
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"
KINDS = {"row", "timeseries", "stat", "table"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_panels_are_whole_and_do_not_lie_on_each_other(file: Path) -> None:
    panels: list[dict[str, Any]] = json.loads(file.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert cells & taken == set(), panel["title"]
        taken |= cells
        assert panel["type"] in KINDS
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["targets"]
            assert all(target["expr"] for target in panel["targets"])


def test_every_panel_asks_the_provisioned_source_and_the_files_are_where_grafana_looks() -> None:
    sources = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    used = {panel["datasource"]["uid"] for file in FILES for panel in json.loads(file.read_text())["panels"]
            if panel["type"] != "row"}  # fmt: skip
    assert used == {source["uid"] for source in sources}
    containers = read_compose(dict.fromkeys(SECRETS, "x"))["services"]
    assert sources[0]["url"] == "http://prometheus:9090"
    provider = yaml.safe_load((PROVISIONING / "dashboards" / "tocsin.yml").read_text())["providers"][0]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in containers["grafana"]["volumes"]


def test_the_risk_dashboard_chooses_by_book_and_indicator() -> None:
    document = json.loads((DASHBOARDS / "risk.json").read_text())
    assert [one["name"] for one in document["templating"]["list"]] == ["book", "indicator"]
    assert [panel["title"] for panel in document["panels"] if panel.get("repeat")] == ["$indicator"]
