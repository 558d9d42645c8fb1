"""The Grafana dashboards, written by `make docs` into deploy/grafana/dashboards; a test holds the files true.

A panel is what it shows: a title, queries with their legends, a unit. Where it stands follows from its width.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_COLUMNS = 24
_AMBER, _RED, _BLUE, _GREEN = "#E0A030", "#D03A3A", "#3070C0", "#4A9A5A"
Json = dict[str, Any]


@dataclass(frozen=True)
class Panel:
    """One panel; `queries` are pairs of PromQL and legend."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 7
    about: str = ""
    colours: dict[str, str] = field(default_factory=dict)
    """By legend."""
    repeat: str = ""
    """The variable for each of whose values there is one such panel."""
    mappings: dict[str, str] = field(default_factory=dict)
    steps: tuple[tuple[float, str], ...] = ()
    """Colours from a value on."""


@dataclass(frozen=True)
class Row:
    """A heading, and the panels below it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """A dashboard: variables are pairs of a name and the label query that lists its values."""

    uid: str
    title: str
    rows: tuple[Row, ...]
    variables: tuple[tuple[str, str], ...] = ()
    span: str = "now-6h"

    def document(self) -> str:
        """Return it as Grafana reads it, one panel on a line."""
        head = {
            "uid": self.uid,
            "title": self.title,
            "tags": ["tocsin"],
            "schemaVersion": 41,
            "editable": False,
            "timezone": "browser",
            "refresh": "30s",
            "time": {"from": self.span, "to": "now"},
            "templating": {"list": [_variable(name, query) for name, query in self.variables]},
            "links": [{"title": "Tocsin", "type": "dashboards", "tags": ["tocsin"], "keepTime": True}],
            "annotations": {"list": []},
        }
        lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
        panels = ",\n".join(f"  {json.dumps(panel)}" for panel in self._placed())
        return "\n".join(["{", *lines, ' "panels": [', panels, " ]", "}"]) + "\n"

    def _placed(self) -> list[Json]:
        placed: list[Json] = []
        top = 0
        for row in self.rows:
            placed.append({"id": len(placed) + 1, "type": "row", "title": row.title, "collapsed": False, "panels": [],
                           "gridPos": {"x": 0, "y": top, "w": _COLUMNS, "h": 1}})  # fmt: skip
            top, left, height = top + 1, 0, 0
            for panel in row.panels:
                if left + panel.width > _COLUMNS:
                    top, left, height = top + height, 0, 0
                position = {"x": left, "y": top, "w": panel.width, "h": panel.height}
                placed.append({"id": len(placed) + 1, "gridPos": position, **_panel(panel)})
                left, height = left + panel.width, max(height, panel.height)
            top += height
        return placed


def _variable(name: str, query: str) -> Json:
    return {
        "name": name,
        "label": name,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": "values"},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panel(panel: Panel) -> Json:
    defaults: Json = {"unit": panel.unit, "mappings": [], "min": 0}
    if panel.steps:
        defaults["color"] = {"mode": "thresholds"}
        steps = [{"value": None, "color": _GREEN}, *({"value": at, "color": colour} for at, colour in panel.steps)]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    if panel.mappings:
        options = {value: {"text": text} for value, text in panel.mappings.items()}
        defaults["mappings"] = [{"type": "value", "options": options}]
    overrides = [
        {
            "matcher": {"id": "byName", "options": legend},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for legend, colour in panel.colours.items()
    ]
    shown: Json = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": _SOURCE,
                "expr": query,
                "legendFormat": legend,
                **({"instant": True, "range": False, "format": "table"} if panel.kind == "table" else {}),
            }
            for number, (query, legend) in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": _OPTIONS[panel.kind],
    }
    if panel.repeat:
        shown |= {"repeat": panel.repeat, "repeatDirection": "h", "maxPerRow": _COLUMNS // panel.width}
    return shown


_OPTIONS: dict[str, Json] = {
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "textMode": "value_and_name"},
    "table": {"showHeader": True},
}

COLOURS = {"amber": _AMBER, "red": _RED, "value": _BLUE, "good": _GREEN}
