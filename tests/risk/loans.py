"""Facts and books for tests of the loan fold: short builders, and hypothesis strategies of lives that contradict."""

from hypothesis import strategies as st

from services.risk.domain.book import BookTerms
from services.risk.domain.loan_facts import LoanFact, LoanKind
from services.risk.domain.schedule import Generated, Instalment
from services.risk.domain.segments import SegmentMove
from shared.kernel.days import Day, add_months, month_end, month_of, parse_day

FIRST = parse_day("2019-12-20")
MONTH_ENDS = [month_end(month_of(FIRST) + number) for number in range(14)]
TURNS = st.builds(lambda end, after: end + after, st.sampled_from(MONTH_ENDS), st.integers(-1, 3))
"""Days around the turn of a month, where instalments move and periods close."""
DAYS = st.one_of(st.integers(FIRST, FIRST + 420), TURNS)
CURRENCIES = st.sampled_from(["USD"] * 9 + ["EUR"])
REGIONS = st.sampled_from(["TX", "CA", "NY"])
_KINDS = (
    [LoanKind.REPAID] * 12
    + [LoanKind.RESTRUCTURED, LoanKind.CAPITALISED, LoanKind.REVERSED, LoanKind.REVERSED] * 2
    + [LoanKind.CORRECTED] * 4
    + [LoanKind.CHARGED_OFF, LoanKind.CLOSED, LoanKind.LEFT_BOOK, LoanKind.RECOVERED, LoanKind.RECOVERY_REVERSED]
    + [LoanKind.DISBURSED]
)


def book(**changes: object) -> BookTerms:
    """A book without holidays, tolerance or segments unless told otherwise."""
    fields = {"book": "b", "base_currency": "USD", "calendar": "EVERY_DAY", "first_day": FIRST, **changes}
    return BookTerms(**fields)  # type: ignore[arg-type]


def day(text: str) -> Day:
    """The day number of a date."""
    return parse_day(text)


def fact(kind: str, on: str, id: str = "", **fields: object) -> LoanFact:
    """A fact in USD, known on its day."""
    number = parse_day(on)
    values = {"currency": "USD", "known_at_us": number * 86_400_000_000, **fields}
    return LoanFact(kind=LoanKind(kind), day=number, id=id or f"{kind}-{on}", **values)  # type: ignore[arg-type]


def monthly(first: str, number: int, amount: int, principal: int | None = None) -> tuple[Instalment, ...]:
    """Equal instalments, a month apart."""
    start = parse_day(first)
    return tuple(Instalment(add_months(start, month), amount, principal) for month in range(number))


@st.composite
def books(draw: st.DrawFn) -> BookTerms:
    """Books that differ in what figures depend on."""
    return book(
        calendar=draw(st.sampled_from(["US", "WEEKENDS", "EVERY_DAY"])),
        dpd_offset=draw(st.integers(0, 1)),
        tolerance_minor=draw(st.sampled_from([{}, {"USD": 100}])),
        segment_attributes=draw(st.sampled_from([(), ("region",), ("region", "product")])),
    )


@st.composite
def given_terms(draw: st.DrawFn, first: Day) -> tuple[Instalment, ...]:
    """Schedules with monthly, odd, doubled and empty instalments."""
    number = draw(st.integers(0, 6))
    amount = draw(st.sampled_from([10_000, 10_050, 50]))
    principal = draw(st.sampled_from([None, 9_000, 10_000, 20_000]))
    step = draw(st.sampled_from([1, 1, 1, 2, 0]))
    start = first + draw(st.integers(-40, 45))
    if draw(st.booleans()):
        start = month_end(month_of(start))
    return tuple(Instalment(add_months(start, step * each), amount, principal) for each in range(number))


@st.composite
def generated_terms(draw: st.DrawFn, first: Day) -> Generated:
    """Schedules to be generated."""
    return Generated(
        kind=draw(st.sampled_from(["annuity", "equal_principal", "bullet"])),
        first_due=first + draw(st.integers(0, 45)),
        instalments=draw(st.integers(1, 6)),
        rate=draw(st.sampled_from(["0", "0.12"])),
        every_months=draw(st.integers(1, 2)),
    )


def any_terms(first: Day) -> st.SearchStrategy[tuple[Instalment, ...] | Generated]:
    """Schedules of all kinds from a day on."""
    return st.one_of(given_terms(first), generated_terms(first))


@st.composite
def facts_of(draw: st.DrawFn, kind: LoanKind, id: str, ids: list[str], bodies: bool = True) -> LoanFact:
    """One fact of a kind, which may mean any other by its id."""
    on = draw(DAYS)
    fields: dict[str, object] = {"kind": kind, "day": on, "id": id, "known_at_us": draw(st.integers(0, 3))}
    fields["currency"] = draw(CURRENCIES)
    if kind in (LoanKind.DISBURSED, LoanKind.TAKEN_ON):
        on = on % 60 + FIRST
        arrears = draw(given_terms(on - 60)) if kind is LoanKind.TAKEN_ON else ()
        fields |= {"day": on, "amount_minor": draw(st.sampled_from([60_000, 20_000])), "currency": "USD"}
        fields |= {"schedule": draw(any_terms(FIRST + 30)), "arrears": arrears}
        fields["attributes"] = draw(st.sampled_from([{}, {"region": "AZ"}, {"product": "car"}]))
    elif kind is LoanKind.RESTRUCTURED:
        if draw(st.booleans()):
            fields["schedule"] = draw(any_terms(on))
        else:
            fields["holiday_months"] = draw(st.integers(0, 4))
    elif kind is LoanKind.CORRECTED:
        fields["target"] = draw(st.sampled_from(ids))
        if bodies and draw(st.booleans()):
            other = draw(st.sampled_from(_KINDS))
            fields["replacement"] = draw(facts_of(other, "body", ids, bodies=False))
    else:
        fields["amount_minor"] = draw(
            st.sampled_from([10_000, 10_000, 10_000, 5_000, 9_900, 20_000, 35_000, 60_000, 1])
        )
        if kind is LoanKind.REPAID:
            fields["principal_minor"] = draw(st.sampled_from([None, None, 9_000, 30_000]))
        elif kind is LoanKind.REVERSED:
            fields["target"] = draw(st.sampled_from(ids))
            fields["amount_minor"] = draw(st.sampled_from([0, 0, 4_000, 10_000]))
    return LoanFact(**fields)  # type: ignore[arg-type]


@st.composite
def lives(draw: st.DrawFn, size: int = 12) -> list[LoanFact]:
    """The facts of one loan: mostly sensible, some that contradict; repayments are the rule."""
    start = draw(st.sampled_from([LoanKind.DISBURSED, LoanKind.DISBURSED, LoanKind.TAKEN_ON, LoanKind.REPAID]))
    kinds = [start, *draw(st.lists(st.sampled_from(_KINDS), max_size=size))]
    ids = [f"f{number:02d}" for number in range(len(kinds))]
    facts = [draw(facts_of(kind, id, [*ids, "gone"])) for kind, id in zip(kinds, ids, strict=True)]
    return [_with_fitting_body(each, facts) for each in facts]


@st.composite
def late_lives(draw: st.DrawFn) -> list[LoanFact]:
    """Loans that fall into default and come back: a long schedule, nothing for months, then payments of all sizes."""
    start = fact("disbursed", "2019-12-20", amount_minor=140_000, schedule=monthly("2020-01-31", 14, 10_000))
    late = st.tuples(TURNS, st.sampled_from([1, 10_000, 20_000, 40_000, 60_000]))
    paid = [
        LoanFact(kind=LoanKind.REPAID, day=on, known_at_us=0, id=f"p{number}", currency="USD", amount_minor=amount)
        for number, (on, amount) in enumerate(draw(st.lists(late, min_size=2, max_size=9)))
        if on > FIRST + 130
    ]
    return [start, *paid]


def _with_fitting_body(each: LoanFact, facts: list[LoanFact]) -> LoanFact:
    """Let most corrections keep the kind of the fact that they correct, so that they count."""
    targets = {other.id: other for other in facts}
    target, body = targets.get(each.target), each.replacement
    if each.kind is not LoanKind.CORRECTED or target is None or body is None or each.known_at_us == 0:
        return each
    fitting = _replaced(target, day=body.day, amount_minor=body.amount_minor or target.amount_minor)
    return _replaced(each, replacement=fitting)


def _replaced(fact: LoanFact, **fields: object) -> LoanFact:
    values = {name: getattr(fact, name) for name in fact.__struct_fields__}
    return LoanFact(**{**values, **fields})


MOVES = st.lists(
    st.builds(
        SegmentMove,
        day=DAYS,
        attributes=st.fixed_dictionaries({}, optional={"region": REGIONS, "product": st.just("truck")}),
    ),
    max_size=3,
    unique_by=lambda move: move.day,
)
