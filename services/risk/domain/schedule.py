"""Schedules: given or generated, as instalments in minor units, and packed for the loan's state."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, compress
from typing import Literal, NamedTuple

import msgspec

from shared.kernel.days import LATEST, Day, add_months, date_of


class Instalment(NamedTuple):
    """One instalment; `principal_minor` None when the contract does not split it."""

    due: Day
    amount_minor: int
    principal_minor: int | None = None


class Generated(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A schedule to be generated from a principal."""

    kind: Literal["annuity", "equal_principal", "bullet"]
    first_due: Day
    instalments: int
    rate: str = "0"
    """Yearly nominal rate as a decimal fraction; a period of n months bears rate * n / 12."""
    every_months: int = 1
    amount_minor: int | None = None
    """Annuity only: fixes the instalment instead of the formula's; the last one pays what is left."""


Terms = tuple[Instalment, ...] | Generated


class Schedule(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Instalments packed for the state: due days and running sums, by rising due day."""

    dues: tuple[Day, ...] = ()
    amounts: tuple[int, ...] = ()
    """Running sums of the instalments."""
    principals: tuple[int, ...] = ()
    """Running sums of their principal."""

    def covered_by(self, paid_minor: int, tolerance_minor: int) -> int:
        """Return how many instalments are covered: cumulative due - paid is at most the tolerance."""
        return bisect_right(self.amounts, paid_minor + tolerance_minor)

    def due_through(self, day: Day) -> int:
        """Return how many instalments are due up to and including a day."""
        return bisect_right(self.dues, day)

    def due_at(self, index: int) -> Day | None:
        """Return the due day of an instalment, None beyond the last one."""
        return self.dues[index] if index < len(self.dues) else None

    def principal_within(self, paid_minor: int) -> int:
        """Return the principal in what was paid: oldest instalment first, in it interest first, the rest beyond."""
        full = bisect_right(self.amounts, paid_minor)
        amount = self.amounts[full - 1] if full else 0
        principal = self.principals[full - 1] if full else 0
        begun = paid_minor - amount
        if full == len(self.amounts):
            return principal + begun
        interest = (self.amounts[full] - amount) - (self.principals[full] - principal)
        return principal + max(0, begun - interest)

    def postponed(self, since: int, months: int) -> "Schedule":
        """Return the schedule with all instalments from an index on due some months later, never beyond `LATEST`."""
        moved = tuple(min(LATEST, add_months(due, months)) for due in self.dues[since:])
        return Schedule(self.dues[:since] + moved, self.amounts, self.principals)


def packed(instalments: Sequence[Instalment]) -> Schedule:
    """Pack expanded instalments; those that are due on one day keep their order."""
    ordered = sorted(instalments, key=lambda instalment: instalment.due)
    return Schedule(
        dues=tuple(instalment.due for instalment in ordered),
        amounts=tuple(accumulate(instalment.amount_minor for instalment in ordered)),
        principals=tuple(accumulate(instalment.principal_minor or 0 for instalment in ordered)),
    )


def scheduled(terms: Terms, principal_minor: int) -> Schedule:
    """Expand terms and pack them, without a stop at each instalment when they are generated."""
    if not isinstance(terms, Generated):
        return packed(expand(terms, principal_minor))
    dues, amounts, shares = _columns(terms, principal_minor)
    return Schedule(dues, tuple(accumulate(amounts)), tuple(accumulate(shares)))


def with_arrears(arrears: Sequence[Instalment], terms: Terms | None, principal_minor: int) -> Schedule:
    """Pack arrears and what is still to fall due; arrears bear the principal that the schedule leaves over."""
    if terms is not None and not arrears:
        return scheduled(terms, principal_minor)
    coming = expand(terms, principal_minor) if terms is not None else ()
    left = max(0, principal_minor - sum(instalment.principal_minor or 0 for instalment in coming))
    return packed((*_split(arrears, left), *coming))


def expand(terms: Terms, principal_minor: int) -> tuple[Instalment, ...]:
    """Return all instalments with their principal, by rising due day; instalments of 0 are left out.

    Generated: interest is rounded half up to the minor unit each period and the last instalment takes the rounding, so
    that the principals sum exactly. Series keep the day of the month of the first due date (31 January, 28 February,
    31 March). Given without a split: principal is spread in proportion to the amounts.
    """
    if not isinstance(terms, Generated):
        return _split(terms, principal_minor)
    return tuple(map(Instalment, *_columns(terms, principal_minor)))


def _columns(terms: Generated, principal_minor: int) -> tuple[tuple[Day, ...], tuple[int, ...], tuple[int, ...]]:
    """Return due days, amounts, and the principal in them."""
    rows = list(_EXPANSIONS[terms.kind](terms, principal_minor, _rate(terms.rate, terms.every_months)))
    dues = _dues(terms.first_due, terms.every_months, terms.instalments)
    amounts = [amount for amount, _ in rows]
    shares = [share for _, share in rows]
    return tuple(compress(dues, amounts)), tuple(filter(None, amounts)), tuple(compress(shares, amounts))


def annuity_minor(principal_minor: int, rate: Decimal, instalments: int) -> int:
    """Return the equal instalment P r / (1 - (1 + r)^-n), r per period, rounded half up; P / n when r is 0."""
    if rate == 0:
        return _rounded(Decimal(principal_minor) / instalments)
    return _rounded(principal_minor * rate / (1 - (1 + rate) ** -instalments))


@lru_cache(maxsize=1_024)
def _rate(yearly: str, every_months: int) -> Fraction:
    """Return the rate of one period."""
    return Fraction(yearly) * every_months / 12


@lru_cache(maxsize=1_024)
def _dues(first_due: Day, every_months: int, instalments: int) -> tuple[Day, ...]:
    """Return due days; loans of one day and one term share them."""
    anchor = date_of(first_due).day
    return tuple(add_months(first_due, number * every_months, anchor=anchor) for number in range(instalments))


def _interest_on(rate: Fraction) -> Callable[[int], int]:
    """Return the interest of one period on a balance, rounded half up; in whole numbers, 8 times as fast as Decimal."""
    twice, one = 2 * rate.numerator, rate.denominator
    return lambda balance: (balance * twice + one) // (2 * one)


def _annuity(terms: Generated, principal_minor: int, rate: Fraction) -> Iterator[tuple[int, int]]:
    amount = terms.amount_minor
    if amount is None:
        with localcontext() as context:
            context.prec = 50
            exact = Decimal(rate.numerator) / Decimal(rate.denominator)
            amount = annuity_minor(principal_minor, exact, terms.instalments)
    balance, interest_on = principal_minor, _interest_on(rate)
    for left in reversed(range(terms.instalments)):
        interest = interest_on(balance)
        share = amount - interest
        if not left or share >= balance:
            yield interest + balance, balance
            return
        share = max(0, share)
        yield amount, share
        balance -= share


def _equal_principal(terms: Generated, principal_minor: int, rate: Fraction) -> Iterator[tuple[int, int]]:
    each = _interest_on(Fraction(1, terms.instalments))(principal_minor)
    balance, interest_on = principal_minor, _interest_on(rate)
    for number in range(1, terms.instalments + 1):
        share = balance if number == terms.instalments else min(balance, each)
        yield interest_on(balance) + share, share
        balance -= share


def _bullet(terms: Generated, principal_minor: int, rate: Fraction) -> Iterator[tuple[int, int]]:
    interest = _interest_on(rate)(principal_minor)
    for _ in range(terms.instalments - 1):
        yield interest, 0
    yield interest + principal_minor, principal_minor


_EXPANSIONS = {"annuity": _annuity, "equal_principal": _equal_principal, "bullet": _bullet}


def _rounded(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _split(instalments: Sequence[Instalment], principal_minor: int) -> tuple[Instalment, ...]:
    """Give each instalment its principal: its own, else its share of what the others leave over."""
    ordered = sorted((_sane(each) for each in instalments if each.amount_minor), key=lambda each: each.due)
    unsplit = [each.amount_minor for each in ordered if each.principal_minor is None]
    left = max(0, principal_minor - sum(each.principal_minor or 0 for each in ordered))
    total = max(left, sum(unsplit))
    done = 0
    result = []
    for each in ordered:
        if each.principal_minor is None:
            share = left * (done + each.amount_minor) // total - left * done // total
            done += each.amount_minor
            result.append(each._replace(principal_minor=share))
        else:
            result.append(each)
    return tuple(result)


def _sane(each: Instalment) -> Instalment:
    """Let no instalment bear more principal than its amount."""
    if each.principal_minor is None or each.principal_minor <= each.amount_minor:
        return each
    return each._replace(principal_minor=each.amount_minor)
