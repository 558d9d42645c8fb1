"""The AsyncAPI document of the system: servers, channels, operations and messages, all from the catalogue."""

import inspect
import json
from datetime import UTC, datetime
from typing import Any

import msgspec

import tocsin.system
from shared.events import CATALOGUE, Key, Message, Topic
from shared.events.base import COMPACTED
from shared.events.envelope import Envelope, to_headers
from shared.events.examples import paths_of
from shared.events.facts import FACTS
from shared.events.fields import FIELDS

VERSION = "3.0.0"
_DESCRIPTION = """\
Everything that crosses a service of Tocsin by Apache Kafka. Messages are CloudEvents 1.0 in binary mode: attributes are
`ce_*` headers, the body is JSON. Readers ignore unknown fields; a message type only ever grows, and what would break a
reader is a new type beside the old one. In the embedded run the same messages take the same topics on a file."""

KEYS: dict[Key, str] = {
    Key.CLIENT: "`book/client`, the client's id of first registration: all facts of a client stay in order",
    Key.CAUSE: "what an alert is about (book, indicator, basis, currency, period kind, segment, direction), hashed: "
    "all that is said of it stays in order",
    Key.BOOK: "the book's id",
    Key.BROADCAST: "the book's id; one copy goes to each partition, so that it stands at its place among the facts",
    Key.ORIGIN: "the key of the message that could not be digested",
}
"""Key rule -> what the record's key is (D8)."""

_CHANNELS: dict[Topic, str] = {
    Topic.FACTS: "Where foreign producers write facts; intake takes them in or keeps them in quarantine. "
    "Structured mode (`application/cloudevents+json`) is understood as well.",
    Topic.INTAKE: "Accepted facts, each exactly once by its id, with books and closes among them.",
    Topic.CONTACTS: "Personal data of clients, here and nowhere else. Compacted: the last contact of a client replaces "
    "the ones before.",
    Topic.RISK: "What risk says: alerts, answers to requests about them, policies, cured arrears.",
    Topic.NOTIFY: "What people asked of an alert that they were told of.",
    Topic.FEEDBACK: "Verdicts on alerts; surveys sent and answered.",
    Topic.RISK_DEAD_LETTERS: "Messages that risk could not digest, with the reason.",
    Topic.NOTIFY_DEAD_LETTERS: "Messages that notify could not digest, with the reason.",
    Topic.FEEDBACK_DEAD_LETTERS: "Messages that feedback could not digest, with the reason.",
}
_PRODUCERS = {Topic.CONTACTS: "intake"}
_PARTITIONS = (
    "The partition is that of Kafka's default partitioner over the key (murmur2). The number of partitions is the same "
    "for all topics and fixed when they are created."
)
_ATTRIBUTES = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": {"description": "unique for each message; repeats have the same one, and no effect"},
    "ce_source": {"description": "who says it first: the fact's source, or `/tocsin/<service>`"},
    "ce_time": {"format": "date-time", "description": "when we received or decided it"},
    "ce_subject": {"description": "loan, project or client that a fact is about; alert; book"},
    "ce_book": {"description": "the book"},
    "ce_client": {"description": "the client's id of first registration"},
    "ce_knownat": {"format": "date-time", "description": "when the lender knew it"},
    "ce_target": {"description": "id of the earlier fact that a reversal or correction names"},
    "ce_originid": {"description": "the producer's own id"},
    "traceparent": {"description": "W3C Trace Context: the trace in which the next service goes on"},
    "content-type": {"const": "application/json"},
}
_ALWAYS = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"]


def asyncapi_document() -> dict[str, Any]:
    """Return the whole document."""
    topics: dict[Topic, list[type[Message]]] = {topic: [] for topic in Topic}
    topics[Topic.FACTS] = list(FACTS)
    for message in CATALOGUE:
        topics[message.topic].append(message)
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Tocsin events",
            "version": tocsin.system.run_version(),
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "Apache Kafka, as `TOCSIN_KAFKA` names it to the services.",
                "variables": {"bootstrap": {"default": "localhost:9092", "description": "host:port of a broker"}},
            }
        },
        "channels": {_channel_id(topic): _channel(topic, messages) for topic, messages in topics.items()},
        "operations": _operations(topics),
        "components": {
            "schemas": {"Headers": _headers(), **_schemas()},
            "messages": {message.type: _message(message) for message in CATALOGUE},
        },
    }


def _channel_id(topic: Topic) -> str:
    return topic.removeprefix("tocsin.")


def _channel(topic: Topic, messages: list[type[Message]]) -> dict[str, Any]:
    keys = "; ".join(f"{key} ({KEYS[key]})" for key in dict.fromkeys(message.key for message in messages))
    if topic is Topic.FACTS:
        keys = "of the producer's own choice; facts of one client should share one"
    cleanup = ["compact"] if topic in COMPACTED else ["delete"]
    return {
        "address": topic.value,
        "description": f"{_CHANNELS[topic]}\n\nKey: {keys}.\n\n{_PARTITIONS}",
        "messages": {message.type: {"$ref": f"#/components/messages/{message.type}"} for message in messages},
        "bindings": {
            "kafka": {
                "topic": topic.value,
                "topicConfiguration": {"cleanup.policy": cleanup},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations(topics: dict[Topic, list[type[Message]]]) -> dict[str, Any]:
    """Return who sends and who receives what, by service and channel."""
    said: dict[tuple[str, str, Topic], list[type[Message]]] = {("intake", "receive", Topic.FACTS): topics[Topic.FACTS]}
    for topic, messages in topics.items():
        for message in messages if topic is not Topic.FACTS else ():
            producer = _PRODUCERS.get(topic, topic.split(".")[1])
            said.setdefault((producer, "send", topic), []).append(message)
            for consumer in message.consumers:
                said.setdefault((consumer, "receive", topic), []).append(message)
    return {
        f"{service}.{action}.{_channel_id(topic)}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{_channel_id(topic)}"},
            "summary": f"{service} {action}s {', '.join(_spoken(message) for message in messages)}",
            "tags": [{"name": service}],
            "messages": [{"$ref": f"#/channels/{_channel_id(topic)}/messages/{message.type}"} for message in messages],
        }
        for (service, action, topic), messages in sorted(said.items())
    }


def _spoken(message: type[Message]) -> str:
    return message.type.removeprefix("tocsin.").removesuffix(".v1")


def _message(message: type[Message]) -> dict[str, Any]:
    return {
        "name": message.type,
        "title": message.__name__,
        "summary": " ".join((inspect.getdoc(message) or "").split()),
        "contentType": "application/json",
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/Headers"},
                {"type": "object", "properties": {"ce_type": {"const": message.type}}},
            ]
        },
        "payload": {"$ref": f"#/components/schemas/{message.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": KEYS[message.key]}, "bindingVersion": "0.5.0"}},
        "examples": [
            {"name": path.stem, "headers": example_headers(message), "payload": json.loads(path.read_text())}
            for path in paths_of(message.type)
        ],
    }


def example_headers(message: type[Message]) -> dict[str, str]:
    """Return headers as our envelopes are written."""
    envelope = Envelope(
        id="5f1c0a9be3a74d2f8f0c6f6b9f3a1d20",
        source="/tocsin/" + _PRODUCERS.get(message.topic, message.topic.split(".")[1]),
        type=message.type,
        time=datetime(2026, 1, 15, 8, 30, tzinfo=UTC),
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )
    return {name: value.decode() for name, value in to_headers(envelope)}


def _headers() -> dict[str, Any]:
    return {
        "title": "Headers",
        "description": "CloudEvents 1.0 in binary mode (Kafka protocol binding, 3.2), and the trace.",
        "type": "object",
        "required": _ALWAYS,
        "properties": {name: {"type": "string", **said} for name, said in {**_ATTRIBUTES, "ce_type": {}}.items()},
    }


def _schemas() -> dict[str, Any]:
    """Return the schemas of all bodies and what they are made of, each field with its meaning."""
    _, schemas = msgspec.json.schema_components(CATALOGUE, ref_template="#/components/schemas/{name}")
    for message in CATALOGUE:
        for name, shape in schemas[message.__name__]["properties"].items():
            # In draft 7 nothing counts beside a `$ref`.
            described = {"allOf": [shape.copy()]} if "$ref" in shape else shape
            described["description"] = FIELDS[name]
            if "$ref" in shape and "default" in shape:
                described["default"] = described["allOf"][0].pop("default")
            schemas[message.__name__]["properties"][name] = described
    plain: dict[str, Any] = _plain(schemas)
    return plain


def _plain(shape: Any) -> Any:
    """Return a schema with `discriminator` as AsyncAPI has it: the name of the property alone."""
    if isinstance(shape, dict):
        return {
            key: value["propertyName"] if key == "discriminator" and isinstance(value, dict) else _plain(value)
            for key, value in shape.items()
        }
    if isinstance(shape, list):
        return [_plain(one) for one in shape]
    return shape
