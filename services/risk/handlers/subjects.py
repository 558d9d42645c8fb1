"""Loans, projects, surveys of a batch: continued from their saved state, or folded with and without the new (D4)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from services.risk import metrics
from services.risk.domain import loan, project, survey
from services.risk.domain.anomaly import Anomaly
from services.risk.domain.book import BookTerms
from services.risk.domain.change import Change, Placeable
from services.risk.domain.largest import weight_minor
from services.risk.domain.loan_facts import LoanFact
from services.risk.domain.loan_facts import order_of as order_of_loan_fact
from services.risk.domain.loan_state import Cure, LoanState, Status
from services.risk.domain.project import ProjectFact, ProjectState
from services.risk.domain.segments import SegmentMove
from services.risk.domain.survey import SurveyFact, SurveyState
from services.risk.handlers.arrivals import LOAN, PROJECT, SURVEY, Arrival, split_subject
from services.risk.handlers.clients import ClientKey, Clients, Moved, told_of, unpack_moves
from services.risk.handlers.outcome import CureFound, Outcome, Why
from services.risk.handlers.translate import Told, loan_facts, project_facts, survey_facts, told_from_row
from services.risk.store import facts, subjects
from services.risk.store.marks import AnomalyRow
from services.risk.store.subjects import Kept
from shared.crashpoint import crash_point
from shared.db.port import Tx
from shared.events.facts import FactCorrected, LoanDisbursed, LoanTakenOn, RepaymentReceived, RepaymentReversed

F = TypeVar("F", LoanFact, ProjectFact, SurveyFact)
S = TypeVar("S", LoanState, ProjectState, SurveyState)
S_co = TypeVar("S_co", LoanState, ProjectState, SurveyState, covariant=True)

_SLICE = 100
"""Subjects folded before other tasks of the loop get a turn (D23)."""
SUBJECTS_AT_ONCE = 2_000
"""Subjects in memory at a time, with their facts: a batch speaks of no more, but a client that moves may have any
number."""
CLIENT_UNKNOWN = "client_unknown"
"""Reason of an anomaly: intake let a fact through whose client had not been registered. A survey, which comes by
another topic, may be earlier than its client: the anomaly goes when that is folded."""

_ASIDE_FACTS = 1_000
"""A history of more facts takes longer than a slice may (20 ms)."""
_TELL_OF_OTHERS = frozenset((FactCorrected.type, LoanDisbursed.type, LoanTakenOn.type))
"""Facts by which others read differently: by a correction, or in the currency that a loan begins in."""

_ENCODER = msgspec.msgpack.Encoder()
_LOAN_STATE = msgspec.msgpack.Decoder(LoanState)
_PROJECT_STATE = msgspec.msgpack.Decoder(ProjectState)
_SURVEY_STATE = msgspec.msgpack.Decoder(SurveyState)


class Folded(Protocol[S_co]):
    """What a fold of either kind gives."""

    @property
    def state(self) -> S_co | None:
        """State after the last fact; None when the facts make nothing."""

    @property
    def adds(self) -> Placeable:
        """What the facts add to the counters."""

    @property
    def anomalies(self) -> list[Anomaly]:
        """Facts that contradict others."""


@dataclass(frozen=True)
class Engine(Generic[F, S]):
    """The pure fold of one kind of subject, and where its states are kept."""

    kind: str
    translate: Callable[[Sequence[Told], S | None], list[F]]
    order_of: Callable[[F], Any]
    fold: Callable[[Sequence[F], Sequence[SegmentMove], BookTerms], Folded[S]]
    fold_both: Callable[[Sequence[F], Sequence[F], Sequence[SegmentMove], BookTerms], tuple[Folded[S], Folded[S]]]
    """Folds facts as they were and as they are, for the difference of what they add."""
    continues: Callable[[S | None, F], bool]
    advance: Callable[[S, F, BookTerms], tuple[S, Change, list[Anomaly]]]
    currency_of: Callable[[S], str]
    cured: Callable[[S], Cure | None]
    """The last cure of arrears."""
    cures: Callable[[Any], Sequence[Cure]]
    """All cures of a fold."""
    decode: Callable[[bytes], S]
    kept: Callable[[Tx, Sequence[str]], Any]
    save: Callable[[Tx, Sequence[Sequence[Any]]], Any]
    row: Callable[["_Subject", S | None, int], Sequence[Any]]


class _Subject(NamedTuple):
    """One loan, project or survey that a batch touches."""

    key: str
    book: str
    name: str
    client: str
    arrived: list[Arrival]


class Work(NamedTuple):
    """What a batch brings: its new facts in order, its clients, the terms of its books."""

    partition: int
    arrived: Sequence[Arrival]
    clients: Clients
    terms: Mapping[str, BookTerms]


async def fold_subjects(tx: Tx, engine: Engine[F, S], work: Work, outcome: Outcome) -> None:
    """Fold what a batch says of one kind of subject, save their states, and add what changed to the outcome."""
    touched = list(_touched(engine.kind, work).values())
    for start in range(0, len(touched), SUBJECTS_AT_ONCE):
        await _fold_some(tx, engine, work, touched[start : start + SUBJECTS_AT_ONCE], outcome)


async def _fold_some(tx: Tx, engine: Engine[F, S], work: Work, touched: Sequence[_Subject], outcome: Outcome) -> None:
    kept: dict[str, Kept] = await engine.kept(tx, [subject.key for subject in touched])
    rows: list[Sequence[Any]] = []
    again: list[_Subject] = []
    for number, subject in enumerate(touched):
        if number % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
        before = kept.get(subject.key)
        if before is not None and before.client != subject.client:
            # The client of first registration is the key for ever (D8), whatever a later header says.
            subject = subject._replace(client=before.client)
        if before is None or before.state is None or (subject.book, subject.client) in work.clients.moved:
            again.append(subject)
            continue
        state = _advance(engine, subject, engine.decode(before.state), work.terms[subject.book], outcome)
        if state is None:
            again.append(subject)
        else:
            rows.append(engine.row(subject, state, work.partition))
    if again:
        crash_point("refold.begun")
        rows.extend(await _fold_again(tx, engine, work, kept, again, outcome))
    await engine.save(tx, rows)


def _touched(kind: str, work: Work) -> dict[str, _Subject]:
    prefix = f"{kind}/"
    touched: dict[str, _Subject] = {}
    for one in work.arrived:
        key = one.subject
        if not key.startswith(prefix):
            continue
        subject = touched.get(key)
        if subject is None:
            _, book, name = split_subject(key)
            client = getattr(one.message, "client", "") or one.envelope.client
            subject = touched[key] = _Subject(key, book, name, client, [])
        subject.arrived.append(one)
    for (book, client), keys in work.clients.subjects.items():
        for key in keys:
            if key.startswith(prefix) and key not in touched:
                touched[key] = _Subject(key, book, split_subject(key)[2], client, [])
    return touched


def _advance(engine: Engine[F, S], subject: _Subject, state: S, terms: BookTerms, outcome: Outcome) -> S | None:
    """Continue a saved state by the new facts; None when one of them does not continue it, and nothing is done."""
    told = engine.translate(told_of(subject.arrived), state)
    if len(told) > 1:
        told.sort(key=engine.order_of)
    steps: list[tuple[S, Change, list[Anomaly]]] = []
    cures: list[Cure] = []
    for fact in told:
        if not engine.continues(state, fact):
            return None
        step = engine.advance(state, fact, terms)
        cured = engine.cured(step[0])
        if cured is not None and cured is not engine.cured(state):
            cures.append(cured)
        state = step[0]
        steps.append(step)
    why = _why(subject, None)
    for after, change, anomalies in steps:
        outcome.take_change(terms, after.segments, engine.currency_of(after), change, why)
        if anomalies:
            outcome.anomalies.extend(_anomaly_rows(subject, anomalies, {}))
    if cures:
        outcome.cures.extend(_found(subject, cures, 0, why[2]))
    return state


async def _fold_again(
    tx: Tx,
    engine: Engine[F, S],
    work: Work,
    kept: Mapping[str, Kept],
    again: Sequence[_Subject],
    outcome: Outcome,
) -> list[Sequence[Any]]:
    """Fold subjects from all their facts, with and without what the batch brings, and add the difference."""
    ledger = [subject.key for subject in again if subject.key in kept]
    stored = await facts.facts_of(tx, ledger) if ledger else {}
    moves = await _moves(tx, work.clients, [(subject.book, subject.client) for subject in again])
    rows: list[Sequence[Any]] = []
    for number, subject in enumerate(again):
        if number % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
        client = (subject.book, subject.client)
        moved, current = work.clients.moved.get(client), moves.get(client)
        terms, ledger_rows = work.terms[subject.book], stored.get(subject.key, ())
        fold = partial(_refold, engine, subject, ledger_rows, (moved, current or ()), terms)
        # A history that takes longer than others may wait is folded beside the loop, which gets its turns between.
        told, before, after = await asyncio.to_thread(fold) if len(ledger_rows) > _ASIDE_FACTS else fold()
        if before is not None:
            metrics.SUBJECTS_REFOLDED.labels(engine.kind).inc()
        why = _why(subject, moved)
        outcome.take_difference(terms, before, after.adds, why)
        outcome.cures.extend(_found(subject, engine.cures(after), why[0], why[2]))
        anomalies = _anomaly_rows(subject, after.anomalies, {one.event_id: one for one in told})
        if current is None:
            anomalies.append(AnomalyRow(subject.key, told[0].event_id, CLIENT_UNKNOWN, subject.book, subject.client, 0))
        outcome.refolded.append(subject.key)
        outcome.anomalies.extend(anomalies)
        rows.append(engine.row(subject, after.state, work.partition))
    crash_point("refold.done")
    return rows


def _refold(
    engine: Engine[F, S],
    subject: _Subject,
    ledger_rows: Sequence[Any],
    client: tuple[Moved | None, Sequence[SegmentMove]],
    terms: BookTerms,
) -> tuple[list[Told], Placeable | None, Folded[S]]:
    """Return all facts of a subject, what it added before the batch (None: nothing was there), and its fold now."""
    told = [told_from_row(row) for row in ledger_rows] or told_of(subject.arrived)
    old, new = _old_and_new(engine, subject, told)
    moved, moves = client
    if not old:
        return told, None, engine.fold(new, moves, terms)
    if moved is not None:
        return told, engine.fold(old, moved.before, terms).adds, engine.fold(new, moves, terms)
    before, after = engine.fold_both(old, new, moves, terms)
    return told, before.adds, after


def _old_and_new(engine: Engine[F, S], subject: _Subject, told: Sequence[Told]) -> tuple[list[F], list[F]]:
    """Return the subject's facts as they were before the batch, and as they are."""
    new = engine.translate(told, None)
    arrived = {one.envelope.id for one in subject.arrived}
    if any(one.envelope.type in _TELL_OF_OTHERS for one in subject.arrived):
        return engine.translate([one for one in told if one.event_id not in arrived], None), new
    return [fact for fact in new if fact.id not in arrived], new


async def _moves(tx: Tx, clients: Clients, wanted: Sequence[ClientKey]) -> dict[ClientKey, list[SegmentMove]]:
    """Return the attribute histories of clients; unknown ones are missing."""
    missing = [key for key in wanted if key not in clients.current]
    stored = await subjects.clients_kept(tx, missing) if missing else {}
    return {**clients.current, **{key: unpack_moves(row.moves) for key, row in stored.items() if row.kind}}


def _why(subject: _Subject, moved: Moved | None) -> Why:
    """Return what changed a subject's figures: the last known of its facts, or that its client moved."""
    if len(subject.arrived) == 1 and moved is None:
        # Most subjects of a batch have one fact.
        known_at_us, traceparent = subject.arrived[0].known_at_us, subject.arrived[0].envelope.traceparent
    else:
        known = [(one.known_at_us, one.envelope.traceparent) for one in subject.arrived]
        if moved is not None:
            known.append((moved.known_at_us, moved.traceparent))
        known_at_us, traceparent = max(known)
    return known_at_us, _cause(subject), traceparent


def _cause(subject: _Subject) -> str:
    """Name why figures changed; published with the revisions that follow from it."""
    types = {one.envelope.type for one in subject.arrived}
    if FactCorrected.type in types:
        return "correction"
    if RepaymentReversed.type in types:
        return "reversal"
    if not types:
        return "client_changed"
    if subject.key.startswith(f"{SURVEY}/"):
        return "survey"
    return "repayment" if types == {RepaymentReceived.type} else "fact"


def _found(subject: _Subject, cures: Sequence[Cure], since_us: int, origin: str) -> list[CureFound]:
    about = (subject.key, subject.book, subject.client, subject.name)
    return [CureFound(*about, cure, max(since_us, cure.known_at_us), origin) for cure in cures]


def _anomaly_rows(subject: _Subject, anomalies: Sequence[Anomaly], told: Mapping[str, Told]) -> list[AnomalyRow]:
    days = {one.envelope.id: one.day for one in subject.arrived}
    days.update((event_id, one.day) for event_id, one in told.items())
    found = dict.fromkeys((anomaly.fact, str(anomaly.reason)) for anomaly in anomalies)
    for _, reason in found:
        metrics.ANOMALIES.labels(reason).inc()
    return [
        AnomalyRow(subject.key, fact, reason, subject.book, subject.client, days.get(fact, 0)) for fact, reason in found
    ]


def _loan_row(subject: _Subject, state: LoanState | None, partition: int) -> tuple[Any, ...]:
    head = (subject.book, subject.name, subject.key, subject.client, partition)
    if state is None:
        return (*head, "", Status.EXPECTED.value, 0, None, None, None)
    packed = _ENCODER.encode(state)
    oldest_due = state.oldest_due if state.status is Status.ACTIVE else None
    end_day = state.end_day or None
    return (*head, state.currency, state.status.value, weight_minor(state), oldest_due, end_day, packed)


def _survey_row(subject: _Subject, state: SurveyState | None, partition: int) -> tuple[Any, ...]:
    packed = None if state is None else _ENCODER.encode(state)
    return (subject.book, subject.name, subject.key, subject.client, partition, packed)


def _project_row(subject: _Subject, state: ProjectState | None, partition: int) -> tuple[Any, ...]:
    packed = None if state is None else _ENCODER.encode(state)
    return (subject.book, subject.name, subject.key, subject.client, partition, packed)


LOANS: Engine[LoanFact, LoanState] = Engine(
    kind=LOAN,
    translate=lambda told, state: loan_facts(told, "" if state is None else state.currency),
    order_of=order_of_loan_fact,
    fold=loan.fold,
    fold_both=loan.fold_both,
    continues=loan.continues,
    advance=loan.proceed,
    currency_of=lambda state: state.currency,
    cured=lambda state: state.cured,
    cures=lambda folded: folded.cures,
    decode=_LOAN_STATE.decode,
    kept=subjects.loans_kept,
    save=subjects.save_loans,
    row=_loan_row,
)
PROJECTS: Engine[ProjectFact, ProjectState] = Engine(
    kind=PROJECT,
    translate=lambda told, _: project_facts(told),
    order_of=project.order_of,
    fold=project.fold,
    fold_both=lambda old, new, moves, terms: (project.fold(old, moves, terms), project.fold(new, moves, terms)),
    continues=project.continues,
    advance=project.proceed,
    currency_of=lambda _: "",
    cured=lambda _: None,
    cures=lambda _: (),
    decode=_PROJECT_STATE.decode,
    kept=subjects.projects_kept,
    save=subjects.save_projects,
    row=_project_row,
)
SURVEYS: Engine[SurveyFact, SurveyState] = Engine(
    kind=SURVEY,
    translate=lambda told, _: survey_facts(told),
    order_of=survey.order_of,
    fold=survey.fold,
    fold_both=lambda old, new, moves, terms: (survey.fold(old, moves, terms), survey.fold(new, moves, terms)),
    continues=survey.continues,
    advance=survey.proceed,
    currency_of=lambda _: "",
    cured=lambda _: None,
    cures=lambda _: (),
    decode=_SURVEY_STATE.decode,
    kept=subjects.surveys_kept,
    save=subjects.save_surveys,
    row=_survey_row,
)
