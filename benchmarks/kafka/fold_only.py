"""`python -m benchmarks.kafka.fold_only COUNT FILE`: fetch, decode and fold COUNT records in memory; no database.

The same reader and decoding as risk, repeats told by their ids, the same pure fold of the domain: states are continued,
what is back-dated or reversed is folded with and without the new. States stay objects, facts stay decoded: what a
service could do that keeps nothing. The time, and the cells as proof, go into the file.
"""

import os
import pickle
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, process_time

import msgspec
import uvloop

from services.risk.domain import loan
from services.risk.domain.book import BookTerms
from services.risk.domain.cells import Cells
from services.risk.domain.change import Change, Known, Total
from services.risk.domain.client import history_of
from services.risk.domain.loan_facts import order_of
from services.risk.domain.loan_state import LoanState
from services.risk.domain.segments import SegmentLog, SegmentMove, place_into, segment_log
from services.risk.handlers.arrivals import Arrival, decode_batch
from services.risk.handlers.clients import told_of
from services.risk.handlers.fold import terms_of
from services.risk.handlers.translate import Told, client_facts, loan_facts
from shared.events import intake
from shared.events.base import Topic
from shared.log.kafka import open_kafka_log
from shared.log.port import Partition, Record
from shared.runtime.lifecycle import tune_garbage_collection
from shared.runtime.service import Limits

_READ_TIMEOUT_S = 0.2

Group = tuple[str, SegmentLog, str]
"""(book, segments over time, currency): loans that are placed alike."""
Totals = dict[Group, Total]


class Memory:
    """Everything that risk keeps of books of loans, as objects."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._cells: Cells = {}
        self._terms: dict[str, BookTerms] = {}
        self._ids: set[str] = set()
        self._told: defaultdict[str, list[Told]] = defaultdict(list)
        self._states: dict[str, LoanState | None] = {}
        self._moves: dict[str, list[SegmentMove]] = {}
        self._loans_of: defaultdict[str, list[str]] = defaultdict(list)

    def fold(self, records: Sequence[Record]) -> None:
        """Fold a batch."""
        arrived = decode_batch(records)
        for control in arrived.controls:
            if isinstance(control.message, intake.BookOpened):
                self._terms[control.message.book] = terms_of(control.message)
        fresh: defaultdict[str, list[Arrival]] = defaultdict(list)
        for one in arrived.facts:
            if one.envelope.id not in self._ids:
                self._ids.add(one.envelope.id)
                fresh[one.subject].append(one)
        totals: Totals = {}
        moved = self._fold_clients(fresh, totals)
        for subject, ones in fresh.items():
            if subject.startswith("loan/"):
                self._fold_loan(subject, ones, totals, subject in moved)
        known: defaultdict[str, Known] = defaultdict(dict)
        for (book, log, currency), total in totals.items():
            place_into(self._cells, total.rows(known[book]), log, currency)

    @property
    def cells(self) -> Cells:
        """What was counted."""
        return {key: value for key, value in self._cells.items() if value}

    def copy(self, times: int) -> None:
        """Store every loan so many times more, under ids of their own (`l7-12`); what was counted stays as it is."""
        ids, states, told = list(self._ids), list(self._states.items()), dict(self._told)
        for number in range(1, times + 1):
            self._ids.update(f"{one}-{number}" for one in ids)
            for key, state in states:
                self._states[f"{key}-{number}"] = msgspec.structs.replace(state) if state else None
                self._told[f"{key}-{number}"] = list(told[key])

    def _fold_clients(self, fresh: dict[str, list[Arrival]], totals: Totals) -> set[str]:
        """Bring clients up to date; return their loans that fold again by it, after folding those that do only so."""
        moved: set[str] = set()
        for subject in [one for one in fresh if one.startswith("client/")]:
            told = self._told[subject]
            told += told_of(fresh[subject])
            before, after = self._moves.get(subject), history_of(client_facts(told)).moves
            self._moves[subject] = after
            names = self._terms[subject.split("/")[1]].segment_attributes
            if before is not None and segment_log({}, before, names) != segment_log({}, after, names):
                for key in self._loans_of[subject]:
                    moved.add(key)
                    self._fold_again(key, fresh.get(key, []), before, after, totals)
        return moved

    def _fold_loan(self, subject: str, ones: list[Arrival], totals: Totals, done: bool) -> None:
        if done:
            return
        client = f"client/{ones[0].message.book}/{ones[0].envelope.client}"
        state = self._states.get(subject)
        if state is None or not self._continue(subject, ones, state, totals):
            if subject not in self._states:
                self._loans_of[client].append(subject)
            moves = self._moves.get(client, [])
            self._fold_again(subject, ones, moves, moves, totals)

    def _continue(self, subject: str, ones: list[Arrival], state: LoanState, totals: Totals) -> bool:
        book = ones[0].message.book
        told, terms = told_of(ones), self._terms[book]
        steps: list[tuple[Group, Change]] = []
        for fact in sorted(loan_facts(told, state.currency), key=order_of):
            if not loan.continues(state, fact):
                return False
            state, changed, _ = loan.proceed(state, fact, terms)
            steps.append(((book, state.segments, state.currency), changed))
        for group, changed in steps:
            totals.setdefault(group, Total(terms)).add(changed)
        self._states[subject] = state
        self._told[subject] += told
        return True

    def _fold_again(
        self, subject: str, ones: list[Arrival], before: list[SegmentMove], after: list[SegmentMove], totals: Totals
    ) -> None:
        terms = self._terms[subject.split("/")[1]]
        told = self._told[subject]
        old = loan_facts(told)
        told += told_of(ones)
        new, adds_before = loan_facts(told), None
        if not old:
            folded = loan.fold(new, after, terms)
        elif before == after:
            was, folded = loan.fold_both(old, new, after, terms)
            adds_before = was.adds
        else:
            adds_before, folded = loan.fold(old, before, terms).adds, loan.fold(new, after, terms)
        self._states[subject] = folded.state
        for adds, sign in ((folded.adds, 1), (adds_before, -1)):
            if adds is not None:
                totals.setdefault((terms.book, adds.log, adds.currency), Total(terms)).merge(adds.total, sign)


async def run(kafka: str, count: int) -> tuple[Memory, int, float, float]:
    """Fold `count` records; return the memory, and how many came after the first batch in what wall and CPU time."""
    log, memory = open_kafka_log(kafka), Memory()

    async def assigned(partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            reader.seek(partition, 0)

    async def revoked(_: Sequence[Partition]) -> None:
        return

    reader = log.reader("fold", [Topic.INTAKE], assigned, revoked)
    await reader.start()
    most, done, first = Limits().batch_records, 0, 0
    wall = cpu = 0.0
    while done < count:
        for records in (await reader.read_batch(most, _READ_TIMEOUT_S)).values():
            memory.fold(records)
            done += len(records)
            if not first:
                first, wall, cpu = done, perf_counter(), process_time()
    wall, cpu = perf_counter() - wall, process_time() - cpu
    await reader.close()
    await log.close()
    return memory, done - first, wall, cpu


def main() -> None:
    """Fold, and write what came of it."""
    tune_garbage_collection()
    memory, facts, wall_s, cpu_s = uvloop.run(run(os.environ["TOCSIN_KAFKA"], int(sys.argv[1])))
    with Path(sys.argv[2]).open("wb") as file:
        pickle.dump((facts, wall_s, cpu_s, memory.cells), file)


if __name__ == "__main__":
    main()
