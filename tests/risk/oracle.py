"""The indicators' definitions the slow way: one loan, day by day and month by month, straight from the page.

Shares nothing with the fold but the fact types, the book's terms and the expansion of schedules.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import msgspec

from services.risk.domain.book import BookTerms
from services.risk.domain.loan_facts import LoanFact, LoanKind
from services.risk.domain.schedule import expand
from services.risk.domain.segments import SegmentMove
from shared.kernel.calendars import calendar_named
from shared.kernel.days import Day, Month, add_months, date_of, month_end, month_of, month_start

DAY_ORDER = (
    "disbursed", "taken_on", "capitalised", "repaid", "restructured", "charged_off", "closed", "left_book",
    "recovered", "recovery_reversed",
)  # fmt: skip
Cell = tuple[str, str, str, Day]


@dataclass(eq=False)
class Due:
    """An instalment of the schedule in force."""

    due: Day
    amount: int
    principal: int
    counts: bool = True
    """It falls due in this book."""


@dataclass(eq=False)
class Fallen:
    """An instalment that has fallen due in the book, until it is judged."""

    instalment: Due
    judged_on: Day
    uncovered: bool | None = None


@dataclass
class Loan:
    """The loan as one day leaves it to the next."""

    terms: BookTerms
    status: str = "none"
    currency: str = ""
    principal: int = 0
    paid: int = 0
    schedule: list[Due] = field(default_factory=list)
    fallen: list[Fallen] = field(default_factory=list)
    early: list[LoanFact] = field(default_factory=list)
    paid_in: dict[Month, int] = field(default_factory=lambda: defaultdict(int))
    replaced_uncovered: dict[Month, bool] = field(default_factory=dict)
    restructured_until: Day = 0
    floor: int = 0
    recovered: dict[Day, int] = field(default_factory=lambda: defaultdict(int))
    charged_off_on: Day = 0
    ended_on: Day = 0
    started_on: Day = 0

    def missing(self, index: int) -> int:
        """Cumulative due less cumulative paid at an instalment."""
        return sum(each.amount for each in self.schedule[: index + 1]) - self.paid

    def is_covered(self, instalment: Due) -> bool:
        return self.missing(self.schedule.index(instalment)) <= self.terms.tolerance_of(self.currency)

    def oldest(self) -> Due | None:
        return next((each for each in self.schedule if not self.is_covered(each)), None)

    def dpd(self, day: Day) -> int:
        oldest = self.oldest()
        if oldest is None:
            return 0
        moved = calendar_named(self.terms.calendar).moved(oldest.due)
        return max(0, day - moved + self.terms.dpd_offset)


def effective_facts(facts: list[LoanFact]) -> list[LoanFact]:
    """Facts as their corrections and reversals leave them."""
    known = {fact.id: fact for fact in facts}
    bodies = [_body(fact, known) for fact in known.values() if fact.kind != "corrected"]
    standing = {fact.id: fact for fact in bodies if fact is not None}
    reversals = [fact for fact in standing.values() if fact.kind == "reversed"]
    for reversal in sorted(reversals, key=lambda each: (each.day, each.known_at_us, each.id)):
        target = standing.get(reversal.target)
        if target is None or target.kind != "repaid" or reversal.currency not in ("", target.currency):
            continue
        left = max(0, target.amount_minor - reversal.amount_minor) if reversal.amount_minor else 0
        principal = target.principal_minor
        if principal is not None and target.amount_minor:
            principal = principal * left // target.amount_minor
        standing[target.id] = msgspec.structs.replace(target, amount_minor=left, principal_minor=principal)
    rest = [fact for fact in standing.values() if fact.kind != "reversed"]
    rest = [fact for fact in rest if fact.kind != "repaid" or fact.amount_minor > 0]
    return sorted(rest, key=lambda each: (each.day, DAY_ORDER.index(each.kind), each.known_at_us, each.id))


def _leads_nowhere(fact: LoanFact, known: dict[str, LoanFact]) -> bool:
    for _ in range(len(known) + 1):
        if fact.kind != "corrected":
            return False
        if fact.target not in known:
            return True
        fact = known[fact.target]
    return True


def _body(fact: LoanFact, known: dict[str, LoanFact]) -> LoanFact | None:
    result: LoanFact | None = fact
    for other in sorted(known.values(), key=lambda each: (each.known_at_us, each.id)):
        if other.kind != "corrected" or other.target != fact.id or _leads_nowhere(other, known):
            continue
        correction = _body(other, known)
        if correction is None:
            continue
        new = correction.replacement
        if new is None:
            result = None
        elif new.kind == fact.kind and (fact.kind != "corrected" or new.target == fact.target):
            result = msgspec.structs.replace(new, id=fact.id, known_at_us=fact.known_at_us)
    return result


def cells(facts: list[LoanFact], moves: list[SegmentMove], terms: BookTerms, until: Day) -> dict[Cell, int]:
    """All cells of one loan up to a day."""
    todo = effective_facts(facts)
    if not todo:
        return {}
    walk = _Walk(terms)
    for day in range(month_start(month_of(todo[0].day)), until + 1):
        walk.live_through(day, [fact for fact in todo if fact.day == day])
    return walk.placed(moves, until)


class _Walk:
    """Lives through the days of one loan and writes down what each measure is."""

    def __init__(self, terms: BookTerms) -> None:
        self.loan = Loan(terms)
        self.own: dict[str, str] = {}
        self.book = _Counter()
        self.performing: bool | None = None
        self.streak = 0
        self.start_principal = 0
        self.active_at_start = self.performing_at_start = False

    def live_through(self, day: Day, facts: list[LoanFact]) -> None:
        loan, month = self.loan, month_of(day)
        if day == month_start(month):
            self.start_principal = loan.principal
            self.active_at_start = loan.status == "active"
            self.performing_at_start = self.active_at_start and self.performing is True
        for fact in facts:
            if fact.kind in ("disbursed", "taken_on") and loan.status == "none":
                self.own = fact.attributes
                _start(loan, fact)
        if loan.status == "active":
            for each in loan.schedule:
                if each.due == day and each.counts:
                    moved = calendar_named(loan.terms.calendar).moved(day)
                    loan.fallen.append(Fallen(each, max(month_end(month), moved)))
        for fact in facts:
            _apply(loan, fact)
        for fallen in loan.fallen:
            if fallen.uncovered is None and fallen.judged_on == day:
                fallen.uncovered = not loan.is_covered(fallen.instalment)
        _stock(self.book, loan, day)
        self._cohorts(day)
        if day == month_end(month):
            self._defaults(day)
            _month(self.book, loan, month)

    def _cohorts(self, day: Day) -> None:
        step, flow = self.book.step, self.book.flow
        step["active_at_start", day] = int(self.active_at_start)
        step["active_at_start_principal", day] = self.start_principal if self.active_at_start else 0
        step["performing", day] = int(self.performing_at_start)
        step["performing_principal", day] = self.start_principal if self.performing_at_start else 0
        if self.loan.charged_off_on == day and self.active_at_start:
            flow["charged_off", day] = 1
            flow["charged_off_principal", day] = self.start_principal

    def _defaults(self, day: Day) -> None:
        loan = self.loan
        by_charge_off = loan.status == "charged_off" and month_of(loan.charged_off_on) == month_of(day)
        late = loan.status == "active" and loan.dpd(day) > 90
        if self.performing_at_start and (late or by_charge_off):
            self.book.flow["defaulted", day] = 1
            self.book.flow["defaulted_principal", day] = self.start_principal
        if self.performing_at_start and by_charge_off:
            self.book.flow["defaulted_by_charge_off", day] = 1
            self.book.flow["defaulted_by_charge_off_principal", day] = self.start_principal
        if loan.status != "active":
            return
        self.streak = self.streak + 1 if loan.dpd(day) == 0 else 0
        if late:
            self.performing, self.streak = False, 0
        elif self.performing is None or self.streak >= 3:
            self.performing = True

    def placed(self, moves: list[SegmentMove], until: Day) -> dict[Cell, int]:
        for fallen in self.loan.fallen:
            self.book.flow["instalments_due", fallen.instalment.due] += 1
            self.book.flow["instalments_uncovered", fallen.instalment.due] += bool(fallen.uncovered)
        for day, amount in self.loan.recovered.items():
            self.book.flow["recovered", day] += amount
        return self.book.placed(self.loan, self.own, moves, until)


class _Counter:
    def __init__(self) -> None:
        self.flow: dict[tuple[str, Day], int] = defaultdict(int)
        self.step: dict[tuple[str, Day], int] = defaultdict(int)

    def placed(self, loan: Loan, own: dict[str, str], moves: list[SegmentMove], until: Day) -> dict[Cell, int]:
        """Values as cells: a step's cell is what its value changes by on the day."""
        result: dict[Cell, int] = defaultdict(int)
        for (measure, day), value in self.flow.items():
            if day <= until:
                for segment in _segments(loan.terms, own, moves, day, measure):
                    result[segment, loan.currency, measure, day] += value
        for (measure, day), value in self.step.items():
            if value:
                for segment in _segments(loan.terms, own, moves, day, measure):
                    result[segment, loan.currency, measure, day] += value
                    if day < until:
                        result[segment, loan.currency, measure, day + 1] -= value
        return {cell: value for cell, value in result.items() if value}


COHORTS = (
    "active_at_start", "active_at_start_principal", "performing", "performing_principal", "charged_off",
    "charged_off_principal", "defaulted", "defaulted_principal", "defaulted_by_charge_off",
    "defaulted_by_charge_off_principal",
)  # fmt: skip


def _segments(terms: BookTerms, own: dict[str, str], moves: list[SegmentMove], day: Day, measure: str) -> list[str]:
    if measure in COHORTS:
        day = month_start(month_of(day))
    past = [move for move in moves if move.day <= day]
    attributes = max(past, key=lambda move: move.day).attributes if past else {}
    if not past and moves:
        attributes = min(moves, key=lambda move: move.day).attributes
    values = {**attributes, **own}
    return ["portfolio", *(f"{name}={values[name]}" for name in terms.segment_attributes if name in values)]


def _stock(book: _Counter, loan: Loan, day: Day) -> None:
    if loan.status != "active":
        return
    book.step["loans", day] = 1
    book.step["exposure", day] = loan.principal
    restructured = day < loan.restructured_until
    dpd = max(loan.dpd(day), loan.floor) if restructured else loan.dpd(day)
    for limit in (30, 60, 90):
        if dpd > limit:
            book.step[f"par{limit}", day] = loan.principal
            book.step[f"par{limit}_loans", day] = 1
            if restructured:
                book.step[f"par{limit}_restructured", day] = loan.principal
                book.step[f"par{limit}_restructured_loans", day] = 1


def _month(book: _Counter, loan: Loan, month: Month) -> None:
    fell_due = [fallen for fallen in loan.fallen if month_of(fallen.instalment.due) == month]
    if not fell_due:
        return
    close = month_end(month)
    book.flow["due_loans", close] = 1
    if loan.paid_in[month]:
        return
    book.flow["missed_loans", close] = 1
    last = close if loan.status == "active" else loan.ended_on
    open_now = any(each.due <= last and not loan.is_covered(each) for each in loan.schedule)
    if loan.status == "closed" or not (open_now or loan.replaced_uncovered.get(month, False)):
        book.flow["missed_loans_paid_ahead", close] = 1


def _start(loan: Loan, fact: LoanFact) -> None:
    loan.status, loan.currency, loan.principal = "active", fact.currency, fact.amount_minor
    loan.started_on = fact.day
    coming = [
        Due(each.due, each.amount_minor, each.principal_minor or 0, counts=each.due >= fact.day)
        for each in (expand(fact.schedule, fact.amount_minor) if fact.schedule is not None else ())
    ]
    arrears_principal = max(0, fact.amount_minor - sum(each.principal for each in coming))
    arrears = [
        Due(each.due, each.amount_minor, each.principal_minor or 0, counts=each.due >= fact.day)
        for each in expand(fact.arrears, arrears_principal)
    ]
    loan.schedule = sorted(arrears + coming, key=lambda each: each.due)
    for early in sorted(loan.early, key=lambda one: one.principal_minor is not None):
        if early.currency == fact.currency:
            _pay(loan, early, month_of(fact.day))


def _pay(loan: Loan, fact: LoanFact, month: Month) -> None:
    """Allocate to instalments oldest first, in each to interest first."""
    loan.paid_in[month] += fact.amount_minor
    money, start, share = fact.amount_minor, loan.paid, 0
    loan.paid += fact.amount_minor
    for each in loan.schedule:
        used = min(each.amount, start)
        start -= used
        put = min(money, each.amount - used)
        money -= put
        interest = max(0, each.amount - each.principal)
        share += max(0, used + put - interest) - max(0, used - interest)
    share += money
    principal = fact.principal_minor if fact.principal_minor is not None else share
    loan.principal = max(0, loan.principal - principal)


def _apply(loan: Loan, fact: LoanFact) -> None:
    if fact.kind in ("disbursed", "taken_on"):
        return
    if loan.status == "none":
        if fact.kind == "repaid":
            loan.early.append(fact)
        return
    if fact.currency not in ("", loan.currency):
        return
    if fact.kind == "recovered":
        loan.recovered[fact.day] += fact.amount_minor
    elif fact.kind == "recovery_reversed":
        loan.recovered[fact.day] -= fact.amount_minor
    elif loan.status != "active":
        return
    elif fact.kind == "repaid":
        _pay(loan, fact, month_of(fact.day))
    elif fact.kind == "capitalised":
        loan.principal += fact.amount_minor
    elif fact.kind == "restructured":
        _restructure(loan, fact)
    else:
        _end(loan, fact)


def _restructure(loan: Loan, fact: LoanFact) -> None:
    if fact.schedule is None and not fact.holiday_months:
        return
    month = month_of(fact.day)
    before = loan.dpd(fact.day)
    loan.floor = max(before, loan.floor) if fact.day < loan.restructured_until else before
    loan.restructured_until = add_months(fact.day, 12)
    if any(month_of(fallen.instalment.due) == month for fallen in loan.fallen):
        uncovered = any(each.due <= fact.day and not loan.is_covered(each) for each in loan.schedule)
        loan.replaced_uncovered[month] = loan.replaced_uncovered.get(month, False) or uncovered
    for fallen in loan.fallen:
        if fallen.uncovered is None:
            fallen.uncovered = not loan.is_covered(fallen.instalment)
    if fact.schedule is not None:
        loan.paid = 0
        loan.schedule = [
            Due(each.due, each.amount_minor, each.principal_minor or 0, counts=each.due > fact.day)
            for each in expand(fact.schedule, loan.principal)
        ]
        return
    covered = [each for each in loan.schedule if loan.is_covered(each)]
    for each in loan.schedule[len(covered) :]:
        each_due = add_months(each.due, fact.holiday_months)
        loan.schedule[loan.schedule.index(each)] = Due(each_due, each.amount, each.principal, each_due > fact.day)


def _end(loan: Loan, fact: LoanFact) -> None:
    loan.status = {"charged_off": "charged_off", "closed": "closed", "left_book": "left"}[fact.kind]
    loan.ended_on = fact.day
    loan.principal = 0
    if fact.kind == "charged_off":
        loan.charged_off_on = fact.day
    for fallen in loan.fallen:
        if fallen.uncovered is None:
            fallen.uncovered = fact.kind != "closed" and not loan.is_covered(fallen.instalment)


def describe(facts: list[LoanFact]) -> str:
    """Facts as a reader of a failing example wants them."""
    return "\n".join(
        f"{date_of(fact.day)} {fact.kind:14} {fact.id} {fact.amount_minor} {fact.target} {fact.schedule}"
        for fact in sorted(facts, key=lambda fact: (fact.day, LoanKind(fact.kind), fact.id))
    )
