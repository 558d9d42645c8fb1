"""Elements of a drawing as safe markup, scales and round ticks."""

from collections.abc import Callable, Sequence
from math import ceil, floor, log10

from markupsafe import Markup

Scale = Callable[[float], float]


def tag(name: str, content: object = "", **attributes: object) -> Markup:
    """Return one element; names of attributes end in _ where Python has the word, - is written _, None is left out.

    Everything that is not markup already is escaped; numbers are cut to two digits.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _text(value))
        for key, value in attributes.items()
        if value is not None
    )
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, content)


def joined(parts: Sequence[Markup]) -> Markup:
    """Return the parts one after the other."""
    return Markup("").join(parts)


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """Return the function that maps low..high onto start..end."""
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def ticks(highest: float) -> list[float]:
    """Return round values from 0 to at least `highest`, or to one percent when it is less; a handful of them."""
    highest = max(highest, 0.01)
    rough = highest / 5
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    return [index * step for index in range(ceil(highest / step - 1e-9) + 1)]


def _text(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
