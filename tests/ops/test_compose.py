"""docker-compose.yml fits the specification, the settings and the rules that it says it keeps."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic_settings import BaseSettings

from services.feedback.settings import FeedbackSettings
from services.intake.settings import IntakeSettings
from services.notify.settings import NotifySettings
from services.risk.settings import RiskSettings
from shared.runtime.settings import ProcessSettings
from tests.support.compose import LINK_SECRETS
from tests.support.compose_file import COMPOSE, ONE_SHOTS, ROOT, SERVICES, read_compose, variables
from tocsin.deployment import SECRETS

SETTINGS: dict[str, type[BaseSettings]] = {
    "intake": IntakeSettings,
    "risk": RiskSettings,
    "notify": NotifySettings,
    "feedback": FeedbackSettings,
}
GIVEN = dict.fromkeys(SECRETS, LINK_SECRETS)
FILE = read_compose(GIVEN)
CONTAINERS: dict[str, dict[str, Any]] = FILE["services"]


def known(service: str) -> dict[str, bool]:
    """Return every variable of a service, and whether it must be set."""
    fields = {**ProcessSettings.model_fields, **SETTINGS[service].model_fields}
    return {f"TOCSIN_{name.upper()}": field.is_required() for name, field in fields.items()}


def test_the_file_fits_the_compose_specification() -> None:
    schema = json.loads((Path(__file__).parent / "data" / "compose-spec.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(COMPOSE.read_text()))


def test_what_make_up_writes_is_exactly_what_the_file_must_be_given() -> None:
    assert {name for name, required in variables().items() if required} == set(SECRETS)


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_is_a_setting_and_every_required_setting_is_there(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = CONTAINERS[service]["environment"]
    settings = known(service)
    assert set(environment) - set(settings) == set()
    assert {name for name, required in settings.items() if required} - set(environment) == set()
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    ProcessSettings()
    SETTINGS[service]()


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_is_confined_limited_and_watched(name: str) -> None:
    one = CONTAINERS[name]
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["mem_limit"]
    assert one["networks"]
    assert not one.get("privileged")
    assert re.search(r":(local|v?\d+\.\d+\.\d+[\w.-]*|18\.\d+)$", one["image"]), "the image's version is not pinned"
    if name not in ONE_SHOTS:
        assert one["healthcheck"]["test"]
        assert one["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", [*SERVICES, *ONE_SHOTS])
def test_ours_run_as_nobody_on_a_file_system_that_they_cannot_write(name: str) -> None:
    one = CONTAINERS[name]
    assert one["user"] == "10001:10001"
    assert one["read_only"] is True
    assert one["build"]["dockerfile"] == "deploy/Dockerfile"
    assert all(mount.endswith(":ro") for mount in one.get("volumes", []))


def test_a_start_waits_for_what_it_stands_on() -> None:
    for name, one in CONTAINERS.items():
        for needed, condition in one.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed in ONE_SHOTS else "service_healthy"
            assert condition == {"condition": wanted} or name == "prometheus"
    for service in SERVICES:
        assert set(CONTAINERS[service]["depends_on"]) == set(ONE_SHOTS)


def test_nothing_is_published_but_the_gateway_and_the_operators_pages_and_that_on_loopback() -> None:
    published = {name: port for name, one in CONTAINERS.items() for port in one.get("ports", [])}
    assert set(published) == {"gateway", "prometheus", "grafana", "mailpit"}
    assert all(port.startswith("127.0.0.1:") for port in published.values())


def test_what_the_file_mounts_is_there_and_every_volume_is_declared() -> None:
    for one in CONTAINERS.values():
        for mount in one.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./.secrets/"):
                continue  # `make up` writes it.
            assert (ROOT / source).exists() if source[0] in "./" else source in FILE["volumes"]


def test_kafka_is_the_version_that_the_tests_run() -> None:
    version = re.search(r"kafka_2.13</artifactId>\s*<version>([\d.]+)<", (ROOT / "deploy/kafka/pom.xml").read_text())
    assert version is not None
    assert CONTAINERS["kafka"]["image"] == f"apache/kafka:{version[1]}"
