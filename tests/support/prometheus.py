"""Prometheus for tests: the shipped rules and dashboards as their queries, and Debian's programs to run them."""

import importlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import prometheus_client
import pytest
import yaml

from tests.support.compose_file import ROOT, SERVICES

RULES = ROOT / "deploy" / "prometheus" / "rules"
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
_PLACES = "/usr/sbin:/usr/local/sbin"
_VARIABLES = {"$__rate_interval": "1m", "$book": ".*", "$indicator": ".*"}
_NAME = re.compile(r"\b(?:tocsin|process|node)_\w+")


class Query(NamedTuple):
    """One expression of a rule or panel, with where it stands."""

    place: str
    expression: str
    is_alarm: bool


def rule_queries() -> list[Query]:
    """Return the expression of every alarm."""
    return [Query(rule["alert"], rule["expr"], True) for rule in alarms()]


def alarms() -> list[dict[str, Any]]:
    """Return every alarm of every rule file."""
    return [
        rule
        for file in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


def panel_queries() -> list[Query]:
    """Return every query of every dashboard's panels, with their variables filled in."""
    found = []
    for file in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                expression = target["expr"]
                for name, value in _VARIABLES.items():
                    expression = expression.replace(name, value)
                found.append(Query(f"{file.stem}: {panel['title']}", expression, False))
    return found


def metric_names(expression: str) -> set[str]:
    """Return the names of the metrics that an expression reads."""
    return set(_NAME.findall(re.sub(r'"[^"]*"', "", expression)))


def exported_names() -> set[str]:
    """Return the name of every series that the services can export."""
    for name in SERVICES:
        importlib.import_module(f"services.{name}.app")
    names: set[str] = set()
    for family in prometheus_client.REGISTRY.collect():
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(family.type, [""])
        names |= {family.name + ending for ending in endings}
    return names


def program(name: str) -> Path:
    """Return where a program of a Debian package is; without it the test fails under CI and is skipped elsewhere."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_PLACES}")
    if found is None:
        text = f"no {name} found (Debian, as root: deploy/dev/debian-packages)"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)
    return Path(found)
