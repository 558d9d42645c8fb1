"""Charts as inline SVG, coloured by the page's style sheet so that they follow light, dark and print.

Each chart is drawn twice, wide and narrow, because text inside a drawing shrinks with it; the style sheet shows one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup, escape

from shared.kernel.days import Month, format_month

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Point:
    """One period's value as a fraction, None when it has none, and what is said when somebody points at it."""

    month: Month
    value: float | None
    note: str = ""


@dataclass(frozen=True)
class LevelLine:
    """A level of a policy: entered at `enter`, kept until the value is back inside `leave`."""

    level: str
    enter: float
    leave: float


@dataclass(frozen=True)
class Stretch:
    """Months in a row in which an alert stood at one level."""

    first: Month
    last: Month
    level: str


@dataclass(frozen=True)
class Mark:
    """A turn of an alert: when, at which value, to which level."""

    month: Month
    value: float | None
    level: str
    word: str


@dataclass(frozen=True)
class Lane:
    """One alert in the overview: its name and how it stood."""

    label: str
    href: str
    stretches: Sequence[Stretch]
    runs_on: bool


@dataclass(frozen=True)
class _Frame:
    width: int
    left: int
    right: int
    font: int
    narrow: bool


_WIDE = _Frame(width=820, left=50, right=96, font=12, narrow=False)
_NARROW = _Frame(width=380, left=40, right=12, font=12, narrow=True)


def month_name(month: Month) -> str:
    """Return a month as readers say it, e.g. `Apr 2020`."""
    return f"{_NAMES[month % 12]} {month // 12}"


def percent(value: float, digits: int | None = None) -> str:
    """Return a fraction in percent: two digits below ten percent of a level, one above, none when it is round."""
    shown = value * 100
    if digits is None:
        digits = 2 if abs(shown) < 9.95 and abs(shown - round(shown, 1)) > 1e-9 else 1
        digits = 0 if abs(shown - round(shown)) < 1e-9 else digits
    return f"{shown:.{digits}f} %"


def line_chart(
    points: Sequence[Point], levels: Sequence[LevelLine], stretches: Sequence[Stretch], marks: Sequence[Mark], name: str
) -> Markup:
    """Draw a series against its levels, with the alerts that stood and their turns."""
    drawn = (_line_chart(frame, points, levels, stretches, marks, name) for frame in (_WIDE, _NARROW))
    return Markup("").join(drawn)


def overview(lanes: Sequence[Lane], first: Month, last: Month) -> Markup:
    """Draw all alerts on one time axis, a lane each."""
    return Markup("").join(_overview(frame, lanes, first, last) for frame in (_WIDE, _NARROW))


def bar(share: float, level: str) -> Markup:
    """Draw a horizontal bar, `share` of the full width (0 to 1)."""
    width = max(0.5, min(share, 1.0) * 100)
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="bar-back" width="100" height="10" rx="1"/>'
        '<rect class="fill-{}" width="{:.1f}" height="10" rx="1"/></svg>'
    ).format(level, width)


def _line_chart(
    frame: _Frame,
    points: Sequence[Point],
    levels: Sequence[LevelLine],
    stretches: Sequence[Stretch],
    marks: Sequence[Mark],
    name: str,
) -> Markup:
    first, last = points[0].month, points[-1].month
    x = _scale(first - 0.5, last + 0.5, frame.left, frame.width - frame.right)
    labels = _placed(frame, [mark for mark in marks if first <= mark.month <= last], x)
    top = 14 + 18 * (1 + max((row for _, row, _, _ in labels), default=0)) + 10
    bottom = top + (200 if frame.narrow else 230)
    height = bottom + 30
    highest = max([point.value or 0.0 for point in points] + [line.enter for line in levels])
    ticks = _ticks(highest * 1.04)
    y = _scale(0.0, ticks[-1], bottom, top)
    parts = [_bands(stretches, x, top, bottom), _grid(frame, ticks, y), _years(frame, first, last, x, top, bottom)]
    parts.append(_levels(frame, levels, y))
    parts.append(_curve(points, x, y))
    parts.append(_marks(frame, labels, x, y, top))
    return _svg(frame, height, name, parts)


def _overview(frame: _Frame, lanes: Sequence[Lane], first: Month, last: Month) -> Markup:
    left = 14 if frame.narrow else 250
    lane_height = 40 if frame.narrow else 30
    x = _scale(first - 0.5, last + 0.5, left, frame.width - 14)
    top = 6
    bottom = top + lane_height * len(lanes) + 4
    parts = [_years(_Frame(frame.width, left, 14, frame.font, frame.narrow), first, last, x, top, bottom)]
    for index, lane in enumerate(lanes):
        base = top + index * lane_height
        bar_top = base + (20 if frame.narrow else 8)
        anchor = Markup('<text class="lane" x="{:.0f}" y="{:.0f}"{}>{}</text>').format(
            left if frame.narrow else left - 12,
            base + (14 if frame.narrow else 19),
            Markup("") if frame.narrow else Markup(' text-anchor="end"'),
            lane.label,
        )
        parts.append(Markup('<a href="#{}">{}</a>').format(lane.href, anchor))
        for stretch in lane.stretches:
            start, end = x(stretch.first - 0.5), x(stretch.last + 0.5)
            parts.append(
                Markup(
                    '<rect class="fill-{}" x="{:.1f}" y="{:.0f}" width="{:.1f}" height="14" rx="2">'
                    "<title>{}</title></rect>"
                ).format(stretch.level, start, bar_top, max(end - start, 3.0), _stretch_words(stretch))
            )
        if lane.runs_on and lane.stretches:
            end = x(lane.stretches[-1].last + 0.5)
            arrow = '<path class="fill-{}" d="M{:.1f} {:.0f}l7 7l-7 7z"><title>still open</title></path>'
            parts.append(Markup(arrow).format(lane.stretches[-1].level, end + 2, bar_top))
    return _svg(frame, bottom + 26, "Alerts over time", parts)


def _stretch_words(stretch: Stretch) -> str:
    until = "" if stretch.first == stretch.last else f" to {month_name(stretch.last)}"
    return f"{stretch.level}: {month_name(stretch.first)}{until}"


def _svg(frame: _Frame, height: float, name: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg class="chart {}" viewBox="0 0 {} {:.0f}" role="img" aria-label="{}">{}</svg>').format(
        "narrow" if frame.narrow else "wide", frame.width, height, name, Markup("").join(parts)
    )


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _ticks(highest: float) -> list[float]:
    """Return round values from 0 to at least `highest`, four to seven of them."""
    rough = max(highest, 1e-6) / 5
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough - 1e-12)
    return [index * step for index in range(ceil(highest / step - 1e-9) + 1)]


def _grid(frame: _Frame, ticks: Sequence[float], y: Callable[[float], float]) -> Markup:
    lines = []
    digits = 0 if all(abs(tick * 100 - round(tick * 100)) < 1e-9 for tick in ticks) else 1
    for tick in ticks:
        at = y(tick)
        kind = "axis" if tick == 0 else "grid"
        lines.append(
            Markup(
                '<line class="{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(kind, frame.left, frame.width - frame.right, at, at, frame.left - 8, at + 4, percent(tick, digits))
        )
    return Markup("").join(lines)


def _years(frame: _Frame, first: Month, last: Month, x: Callable[[float], float], top: float, bottom: float) -> Markup:
    """Mark each January, and each quarter between when there is room; label each year in the middle of its stretch."""
    parts = []
    for month in range(first, last + 1):
        if month % 3 == 0 and month > first:
            depth = 8 if month % 12 == 0 else 4
            at = x(month - 0.5)
            mark = '<line class="axis" x1="{:.1f}" x2="{:.1f}" y1="{:.0f}" y2="{:.0f}"/>'
            parts.append(Markup(mark).format(at, at, bottom, bottom + depth))
            if month % 12 == 0:
                line = '<line class="year" x1="{:.1f}" x2="{:.1f}" y1="{:.0f}" y2="{:.0f}"/>'
                parts.append(Markup(line).format(at, at, top, bottom))
    for year in range(first // 12, last // 12 + 1):
        start, end = max(first, year * 12), min(last, year * 12 + 11)
        width = x(end + 0.5) - x(start - 0.5)
        if width >= 34:
            label = '<text class="tick" x="{:.1f}" y="{:.0f}" text-anchor="middle">{}</text>'
            parts.append(Markup(label).format(x((start + end) / 2), bottom + 20, year))
    return Markup("").join(parts)


def _bands(stretches: Sequence[Stretch], x: Callable[[float], float], top: float, bottom: float) -> Markup:
    band = '<rect class="band-{}" x="{:.1f}" y="{:.0f}" width="{:.1f}" height="{:.0f}"/>'
    return Markup("").join(
        Markup(band).format(
            stretch.level, x(stretch.first - 0.5), top, x(stretch.last + 0.5) - x(stretch.first - 0.5), bottom - top
        )
        for stretch in stretches
    )


def _levels(frame: _Frame, levels: Sequence[LevelLine], y: Callable[[float], float]) -> Markup:
    """Draw where a level is entered (full) and left (dashed); the labels keep their distance from each other."""
    parts, taken = [], float("inf")
    for line in sorted(levels, key=lambda level: level.enter):
        start, end = frame.left, frame.width - frame.right
        for kind, value in (("enter", line.enter), ("leave", line.leave)):
            stroke = '<line class="level {} stroke-{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
            parts.append(Markup(stroke).format(kind, line.level, start, end, y(value), y(value)))
        at = y(line.enter)
        text = f"{line.level} {percent(line.enter)}"
        if frame.narrow:
            label = '<text class="level-label ink-{}" x="{}" y="{:.1f}">{}</text>'
            parts.append(Markup(label).format(line.level, frame.left + 4, at - 4, text))
        else:
            at = min(at + 4, taken - 14)
            taken = at
            label = '<text class="level-label ink-{}" x="{}" y="{:.1f}">{}</text>'
            parts.append(Markup(label).format(line.level, end + 8, at, text))
    return Markup("").join(parts)


def _curve(points: Sequence[Point], x: Callable[[float], float], y: Callable[[float], float]) -> Markup:
    """Draw the line, broken where a period has no value only when the series is monthly, and a dot per value."""
    known = [(point, point.value) for point in points if point.value is not None]
    path = " ".join(f"{x(point.month):.1f},{y(value):.1f}" for point, value in known)
    parts = [Markup('<polyline class="curve" points="{}"/>').format(path)]
    for point, value in known:
        dot = '<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="2.6"><title>{}</title></circle>'
        note = point.note or f"{format_month(point.month)}: {percent(value)}"
        parts.append(Markup(dot).format(x(point.month), y(value), note))
    return Markup("").join(parts)


def _placed(frame: _Frame, marks: Sequence[Mark], x: Callable[[float], float]) -> list[tuple[Mark, int, float, str]]:
    """Give each mark a row above the chart in which it touches no other, and where its text is centred."""
    ends: list[float] = []
    placed = []
    for mark in sorted(marks, key=lambda one: one.month):
        value = "" if mark.value is None or frame.narrow else f" {percent(mark.value, _digits(mark.value))}"
        when = format_month(mark.month) if frame.narrow else month_name(mark.month)
        text = f"{when} {mark.word}{value}"
        half = len(text) * frame.font * 0.28
        centre = min(max(x(mark.month), half + 2), frame.width - half - 2)
        row = next((index for index, end in enumerate(ends) if end + 8 < centre - half), len(ends))
        if row == len(ends):
            ends.append(0.0)
        ends[row] = centre + half
        placed.append((mark, row, centre, text))
    return placed


def _marks(
    frame: _Frame,
    labels: Sequence[tuple[Mark, int, float, str]],
    x: Callable[[float], float],
    y: Callable[[float], float],
    top: float,
) -> Markup:
    parts = []
    for mark, row, centre, text in labels:
        at = 14 + 18 * row
        foot = y(mark.value) if mark.value is not None else top
        leader = '<line class="leader stroke-{}" x1="{:.1f}" x2="{:.1f}" y1="{:.0f}" y2="{:.1f}"/>'
        parts.append(Markup(leader).format(mark.level, x(mark.month), x(mark.month), at + 4, foot))
        label = '<text class="mark ink-{}" x="{:.1f}" y="{:.0f}" text-anchor="middle">{}</text>'
        parts.append(Markup(label).format(mark.level, centre, at, escape(text)))
        if mark.value is not None:
            dot = '<circle class="turn fill-{}" cx="{:.1f}" cy="{:.1f}" r="4.6"><title>{}</title></circle>'
            parts.append(Markup(dot).format(mark.level, x(mark.month), foot, text))
    return Markup("").join(parts)


def _digits(value: float) -> int:
    return 1 if abs(value) >= 0.0995 else 2
