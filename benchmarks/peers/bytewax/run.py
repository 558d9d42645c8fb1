"""`python -m bytewax.run benchmarks.peers.bytewax.run:flow -r DIRECTORY -s 1 -b 0`: Bytewax with its recovery store.

The client's state and the offsets are in SQLite once an epoch (1 s); a sink writes loans and counters to PostgreSQL as
items come. A crash repeats the output of the last epochs: its counters are then added twice.
"""

import os
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from benchmarks.peers.output import Output
from benchmarks.peers.task import Change, State, step


class _Partition(StatelessSinkPartition[tuple[str, Change]]):
    def __init__(self, output: Output) -> None:
        self._output = output

    def write_batch(self, items: list[tuple[str, Change]]) -> None:
        self._output.write(change for _, change in items)


class PostgresSink(DynamicSink[tuple[str, Change]]):
    """Writes each batch of changes in one transaction."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Partition:
        return _Partition(Output(os.environ["BENCH_DSN"]))


class _Keys:
    """Names the client of a message; shows when the first one comes."""

    def __init__(self) -> None:
        self._begun = False

    def __call__(self, message: Any) -> str:
        if not self._begun:
            self._begun = True
            Output(os.environ["BENCH_DSN"]).begin()
        key: str = message.key.decode()
        return key


def _digest(state: State | None, message: Any) -> tuple[State, Change]:
    change = Change()
    return step(state, message.headers, message.value, change), change


flow = Dataflow("bench")
_read = kop.input(
    "read", flow, brokers=[os.environ["BENCH_KAFKA"]], topics=[os.environ["BENCH_TOPIC"]], tail=True, batch_size=1000
)
_keyed = op.key_on("client", _read.oks, _Keys())
_changed = op.stateful_map("digest", _keyed, _digest)
op.output("write", _changed, PostgresSink())
