"""Services that start before their tables and topics wait for them, refuse meanwhile, and then do their work."""

from pathlib import Path

import pytest

from tests.support import small_book
from tests.support.distributed import distributed_system
from tests.support.kafka import KafkaServer


@pytest.mark.servers
def test_services_wait_for_tables_and_topics_and_go_on(
    tmp_path: Path, postgres_server: str, own_kafka: KafkaServer
) -> None:
    with distributed_system(tmp_path, postgres_server, own_kafka, late=True) as system:
        assert system.post("/intake/v1/books", small_book.OPENING).status_code == 201
        assert {item["outcome"] for item in system.send_facts(small_book.beginnings())} == {"accepted"}
        system.settle(small_book.BOOK)
        assert system.get("/risk/v1/loans/l1", book=small_book.BOOK)["loan"] == "l1"
