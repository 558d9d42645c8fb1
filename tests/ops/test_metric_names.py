"""Metrics are named as Prometheus practice asks, and their labels are few."""

import importlib
import subprocess

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics import MetricWrapperBase

import tocsin.system
from tests.support.prometheus import program

MODULES = ["shared.runtime.metrics", *(f"services.{name}.metrics" for name in tocsin.system.SERVICES)]
LABELS_MAX = 7


def instruments() -> list[MetricWrapperBase]:
    """Return everything that any service measures."""
    found = [vars(importlib.import_module(name)).values() for name in MODULES]
    return [one for values in found for one in values if isinstance(one, MetricWrapperBase)]


def lint(exposed: bytes) -> str:
    """Return what promtool has to say."""
    done = subprocess.run([program("promtool"), "check", "metrics"], input=exposed, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode()


def test_promtool_finds_nothing_to_say() -> None:
    registry = CollectorRegistry()
    for one in instruments():
        registry.register(one)
        if one._labelnames:
            one.labels(*["x"] * len(one._labelnames))
    exposed = generate_latest(registry)
    for one in instruments():
        if one._labelnames:
            one.remove(*["x"] * len(one._labelnames))
    assert exposed.count(b"# TYPE tocsin_") > 40
    assert lint(exposed) == ""
    assert lint(b"# TYPE tocsin_days gauge\ntocsin_days 1\n") != ""


def test_names_begin_alike_and_labels_are_few() -> None:
    assert [one._name for one in instruments() if not one._name.startswith("tocsin_")] == []
    assert [one._name for one in instruments() if len(one._labelnames) > LABELS_MAX] == []
