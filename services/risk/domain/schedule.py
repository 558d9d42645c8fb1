"""Schedules: given or generated, as instalments in minor units, and packed for the loan's state."""

from bisect import bisect_right
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import accumulate
from typing import Literal, NamedTuple

import msgspec

from shared.kernel.days import Day, add_months, date_of


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
    """Instalments packed for the state: due days and running sums, in order of due day."""

    dues: tuple[Day, ...] = ()
    amounts: tuple[int, ...] = ()
    """Running sums of the instalments."""
    principals: tuple[int, ...] = ()
    """Running sums of their principal."""
