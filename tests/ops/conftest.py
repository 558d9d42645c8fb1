"""One deployment, as docker-compose.yml says, for all tests of this folder."""

from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller

from tests.ops.story import Mailbox, Story, tell
from tests.support.deployed import Deployment, create_databases, deployed
from tests.support.kafka import KafkaServer, require_kafka
from tests.support.postgres import new_server
from tests.support.processes import free_port


@pytest.fixture(scope="session")
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """A mail catcher, and its port."""
    box, port = Mailbox(), free_port()
    catcher = Controller(box, hostname="127.0.0.1", port=port)
    catcher.start()
    try:
        yield box, port
    finally:
        catcher.stop()


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory, mailbox: tuple[Mailbox, int]) -> Iterator[Deployment]:
    """The whole file started, on a PostgreSQL and a Kafka of its own."""
    require_kafka()
    folder = tmp_path_factory.mktemp("deployment")
    folder.chmod(0o755)
    postgres, kafka = new_server(), KafkaServer(tmp_path_factory.mktemp("kafka"))
    try:
        postgres.start()
        kafka.start()
        with deployed(folder, postgres.dsn, kafka, mailbox[1]) as deployment:
            made = create_databases(postgres.dsn, deployment.passwords)
            assert made.returncode == 0, made.stderr
            for name in ("gateway", "node-exporter", "prometheus"):
                deployment.start(name)
            yield deployment
    finally:
        kafka.stop(kill=True)
        postgres.remove()


@pytest.fixture(scope="session")
def story(deployment: Deployment, mailbox: tuple[Mailbox, int]) -> Story:
    """The story, told once over the deployment."""
    return tell(deployment.system, mailbox[0])
