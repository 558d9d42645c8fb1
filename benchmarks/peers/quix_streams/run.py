"""`python -m benchmarks.peers.quix_streams.run`: Quix Streams, stateful, at-least-once, with its changelog topic.

The client's state is in RocksDB and its changelog; a sink writes loans and counters to PostgreSQL at each checkpoint,
before the changelog and the offsets are confirmed. A crash in between writes the counters of one checkpoint twice.
"""

import os
import sys
from pathlib import Path
from typing import Any

from quixstreams import Application
from quixstreams.sinks.base import BatchingSink

from benchmarks.peers.output import Output
from benchmarks.peers.task import Change, step

_CHECKPOINT_S = 1.0


class PostgresSink(BatchingSink):
    """Writes the changes of a checkpoint."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def write(self, batch: Any) -> None:
        self._output.write(item.value for item in batch)


def main(dsn: str, kafka: str, topic_name: str, group: str, state_dir: Path) -> None:
    """Work until stopped."""
    output, begun = Output(dsn), False
    application = Application(
        broker_address=kafka,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_interval=_CHECKPOINT_S,
        state_dir=state_dir,
        loglevel="WARNING",
    )

    def digest(value: bytes, _key: Any, _timestamp: int, headers: Any, state: Any) -> Change:
        nonlocal begun
        if not begun:
            begun = True
            output.begin()
        change = Change()
        state.set("client", step(state.get("client"), headers, value, change))
        return change

    topic = application.topic(topic_name, key_deserializer="str", value_deserializer="bytes")
    frame = application.dataframe(topic)
    frame = frame.apply(digest, stateful=True, metadata=True)
    frame.sink(PostgresSink(output))
    application.run()


if __name__ == "__main__":
    environment = os.environ
    where = (environment["BENCH_DSN"], environment["BENCH_KAFKA"])
    main(*where, environment["BENCH_TOPIC"], environment["BENCH_GROUP"], Path(sys.argv[1]))
