"""Kubernetes manifests: of the schemas' shape, confined, and with every variable that the settings require."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.ops.test_compose import known
from tests.support.compose_file import ROOT, SERVICES

FOLDER = ROOT / "deploy" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
Manifest = dict[str, Any]


def documents(file: Path) -> list[Manifest]:
    return [one for one in yaml.safe_load_all(file.read_text()) if one is not None]


ALL = [one for file in FILES for one in documents(file)]


def of_kind(kind: str) -> list[Manifest]:
    return [one for one in ALL if one["kind"] == kind]


def container_of(manifest: Manifest) -> Manifest:
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    return dict(container)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_manifest_fits_the_schema_of_its_kind(file: Path) -> None:
    for manifest in documents(file):
        if manifest["kind"] != "Kustomization":
            kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_names_every_file_but_the_example_of_secrets() -> None:
    (kustomization,) = of_kind("Kustomization")
    left_out = {"kustomization.yaml", "secrets.example.yaml"}
    assert set(kustomization["resources"]) == {file.name for file in FILES} - left_out


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_its_settings_and_no_unknown_secret(service: str) -> None:
    (deployment,) = [one for one in of_kind("Deployment") if one["metadata"]["name"] == service]
    (config,) = of_kind("ConfigMap")
    container = container_of(deployment)
    given = set(config["data"]) | {one["name"] for one in container["env"]}
    assert {name for name, required in known(service).items() if required} <= given
    assert {one["name"] for one in container["env"]} <= set(known(service))
    assert container["command"] == ["python", "-m", f"services.{service}"]


def test_config_holds_settings_only_and_no_secret() -> None:
    (config,) = of_kind("ConfigMap")
    assert set(config["data"]) <= {name for service in SERVICES for name in known(service)}
    assert not any(word in name for name in config["data"] for word in ("PASSWORD", "SECRET", "DATABASE"))
    assert all(value == "" for secret in of_kind("Secret") for value in secret["stringData"].values())


def test_every_secret_that_is_read_is_in_the_example() -> None:
    read = {
        entry["valueFrom"]["secretKeyRef"]["key"]
        for manifest in [*of_kind("Deployment"), *of_kind("Job")]
        for entry in container_of(manifest)["env"]
    }
    (example,) = [one for one in of_kind("Secret") if one["metadata"]["name"] == "tocsin"]
    assert set(example["stringData"]) == read


@pytest.mark.parametrize("manifest", [*of_kind("Deployment"), *of_kind("Job")], ids=lambda one: one["metadata"]["name"])
def test_pods_are_restricted_and_bounded(manifest: Manifest) -> None:
    pod, container = manifest["spec"]["template"]["spec"], container_of(manifest)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]


def test_each_service_is_reached_by_its_path_probed_and_never_gone_at_once() -> None:
    (ingress,) = of_kind("Ingress")
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    assert {(one["path"], one["backend"]["service"]["name"]) for one in paths} == {(f"/{n}/", n) for n in SERVICES}
    assert {one["metadata"]["name"] for one in of_kind("Service")} == set(SERVICES)
    assert {one["metadata"]["name"] for one in of_kind("PodDisruptionBudget")} == set(SERVICES)
    for deployment in of_kind("Deployment"):
        container = container_of(deployment)
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
