"""The card at the top of each service says what the composed service does; the catalogue knows the same consumers."""

import importlib
import inspect
import re

import pytest
from fastapi.routing import APIRoute

from shared.events import CATALOGUE, Topic
from shared.runtime.service import Service
from tests.support.compose import compose_for_documents

SERVICES = compose_for_documents()


def card_of(name: str) -> dict[str, str]:
    text = inspect.getdoc(importlib.import_module(f"services.{name}")) or ""
    return dict(re.findall(r"^(Owns|Consumes|Publishes|HTTP): (.*(?:\n  .*)*)$", text, re.MULTILINE))


def topics_in(text: str) -> set[str]:
    return set(re.findall(r"tocsin\.[a-z.-]*[a-z]", text))


@pytest.mark.parametrize("name", SERVICES)
def test_the_card_names_what_is_composed(name: str) -> None:
    card, service = card_of(name), SERVICES[name]
    assert topics_in(card["Consumes"]) == {subscription.topic for subscription in service.subscriptions}
    assert topics_in(card["Publishes"]) == set(service.publishes)
    prefix, *nouns = re.split(r"[\s,]+", card["HTTP"].rstrip("."))
    routes = [route.path for route in service.router.routes if isinstance(route, APIRoute)]
    assert {path.removeprefix(f"{prefix}/").split("/")[0] for path in routes} == set(nouns)


def consumers_of(topic: Topic) -> set[str]:
    services: list[Service] = list(SERVICES.values())
    return {service.name for service in services for one in service.subscriptions if one.topic == topic}


def test_the_catalogue_names_the_services_that_listen() -> None:
    for message in CATALOGUE:
        assert set(message.consumers) <= consumers_of(message.topic), message.type
    named = {message.topic for message in CATALOGUE if message.consumers}
    assert named == {Topic.INTAKE, Topic.CONTACTS, Topic.RISK, Topic.NOTIFY, Topic.FEEDBACK}
