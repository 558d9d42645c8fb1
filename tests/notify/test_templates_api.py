"""Templates over HTTP: listed, and previewed before they are used."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.notify.app import build
from shared.log.sqlite import open_sqlite_log
from shared.runtime.health import Health
from shared.runtime.http import make_app
from shared.runtime.service import Platform
from shared.runtime.settings import SettingsWrong
from shared.security.keys import KeyRing
from tests.notify.house import House
from tests.support.asgi import client_of

OWN = """{# version: 9 #}
{% extends "layout" %}
{% block subject %}Mine{% endblock %}
{% block lead %}Hm.{% endblock %}
"""


@pytest.fixture
async def client(small: House, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    platform = Platform(log=open_sqlite_log(None), clock=small.clock, partitions=2, owner="test")
    keys = KeyRing(tmp_path / "keys.json")
    _, secret = keys.add("reader", ["messages:read"], "2020-01-01")
    app = make_app([build(small.settings, platform, small.database)], keys, Health(), "test")
    async with client_of(app, secret) as one:
        yield one


async def test_all_templates_are_listed_with_version_and_source(client: httpx.AsyncClient) -> None:
    items = (await client.get("/notify/v1/templates")).json()["items"]
    assert len(items) == 16
    assert {item["audience"] for item in items if item["purpose"] == "survey"} == {"client"}
    assert all(item["source"].startswith("{# version: 1 #}") for item in items)
    assert len({item["version"] for item in items}) == 16


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_preview_is_what_a_message_would_be(client: httpx.AsyncClient, language: str) -> None:
    asked = {"purpose": "reminder", "language": language, "notices": 3}
    made = (await client.post("/notify/v1/templates/preview", json=asked)).json()
    assert made["template"] == f"staff/reminder.{language}"
    assert made["text"].count("https://") == 3
    survey = {"purpose": "survey", "language": language, "occasion": "arrears_cured"}
    asked_client = (await client.post("/notify/v1/templates/preview", json=survey)).json()
    assert ("2024" in asked_client["text"], "credit_officer" in asked_client["text"]) == (True, False)


async def test_a_template_is_tried_and_what_is_wrong_is_told_at_once(client: httpx.AsyncClient) -> None:
    tried = await client.post("/notify/v1/templates/preview", json={"purpose": "opened", "source": OWN})
    assert (tried.json()["subject"], tried.json()["version"][:2]) == ("Mine", "9-")
    wrong = OWN.replace("Hm.", "{% set a = 1 %}{{ x() }}")
    refused = await client.post("/notify/v1/templates/preview", json={"purpose": "opened", "source": wrong})
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert [error["detail"].partition(": ")[2] for error in refused.json()["errors"]] == [
        "line 4: Assign is not part of the language of message templates",
        "line 4: Call is not part of the language of message templates",
    ]


@pytest.mark.parametrize(
    "body",
    [{}, {"purpose": "party"}, {"purpose": "opened", "language": "fr"}, {"purpose": "opened", "notices": 0},
     {"purpose": "opened", "source": ""}, {"purpose": "opened", "source": "x" * 64_001}, {"purpose": "opened", "x": 1},
     {"purpose": "opened", "source": "{# version: 1 #}{% for a in notices %}"}, []],
)  # fmt: skip
async def test_what_cannot_be_previewed_is_refused(client: httpx.AsyncClient, body: object) -> None:
    answer = await client.post("/notify/v1/templates/preview", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_channels_and_templates_that_cannot_be_used_stop_the_start_all_at_once(
    small: House, tmp_path: Path
) -> None:
    (tmp_path / "staff").mkdir()
    (tmp_path / "staff" / "opened.en.j2").write_text("{# version: 1 #}{% set a = 1 %}")
    (tmp_path / "staff" / "closed.xx.j2").write_text("")
    missing = tmp_path / "ca.pem"
    wrong = {"template_dir": tmp_path, "webhook_allow": "10.0.0.1/8", "smtp_host": "x", "smtp_ca_file": missing}
    platform = Platform(log=open_sqlite_log(None), clock=small.clock, partitions=2, owner="test")
    with pytest.raises(SettingsWrong) as caught:
        build(small.settings.model_copy(update=wrong), platform, small.database)
    assert str(caught.value).splitlines()[1:] == [
        "  TOCSIN_WEBHOOK_ALLOW: neither a host nor a network: 10.0.0.1/8",
        f"  TOCSIN_SMTP_CA_FILE: {missing}: No such file or directory",
        "  TOCSIN_TEMPLATE_DIR: staff/closed.xx.j2: there is no template of this name",
        "  TOCSIN_TEMPLATE_DIR: staff/opened.en.j2: line 1: Assign is not part of the language of message templates",
    ]
