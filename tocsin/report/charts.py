"""Charts as inline SVG, coloured by the page's style sheet so that they follow light, dark and print.

Each chart is drawn twice, wide and narrow, because text inside a drawing shrinks with it; the style sheet shows one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from shared.kernel.days import Month, format_month
from shared.page.svg import Scale, joined, scale, tag, ticks

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
    """What is written above it; empty for a turn that only gets a dot."""


@dataclass(frozen=True)
class Lane:
    """One cause in the overview: its name and how its alerts stood."""

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
    return joined([_line_chart(frame, points, levels, stretches, marks, name) for frame in (_WIDE, _NARROW)])


def overview(lanes: Sequence[Lane], first: Month, last: Month) -> Markup:
    """Draw all alerts on one time axis, a lane each."""
    return joined([_overview(frame, lanes, first, last) for frame in (_WIDE, _NARROW)])


def bar(share: float, level: str) -> Markup:
    """Draw a horizontal bar, `share` of the full width (0 to 1)."""
    width = max(0.5, min(share, 1.0) * 100)
    rects = [
        tag("rect", class_="bar-back", width=100, height=10),
        tag("rect", class_=f"fill-{level}", width=width, height=10),
    ]
    drawing = tag(
        "svg", joined(rects), class_="bar", viewBox="0 0 100 10", preserveAspectRatio="none", aria_hidden="true"
    )
    return drawing


def _line_chart(
    frame: _Frame,
    points: Sequence[Point],
    levels: Sequence[LevelLine],
    stretches: Sequence[Stretch],
    marks: Sequence[Mark],
    name: str,
) -> Markup:
    first, last = points[0].month, points[-1].month
    x = scale(first - 0.5, last + 0.5, frame.left, frame.width - frame.right)
    shown = [mark for mark in marks if first <= mark.month <= last]
    labels = _placed(frame, [mark for mark in shown if mark.word], x)
    top = 14.0 + 18 * (1 + max((label.row for label in labels), default=0)) + 10
    bottom = top + (200 if frame.narrow else 230)
    highest = max([point.value or 0.0 for point in points] + [line.enter for line in levels])
    steps = ticks(highest * 1.04)
    y = scale(0.0, steps[-1], bottom, top)
    parts = [
        _bands(stretches, x, top, bottom),
        _grid(frame, steps, y),
        _years(first, last, x, top, bottom),
        _levels(frame, levels, y),
        _curve(points, x, y),
        _level_labels(frame, levels, y),
        _ends([mark for mark in shown if not mark.word], x, y),
        _marks(labels, x, y, top),
    ]
    return _svg(frame, bottom + 30, name, parts)


def _overview(frame: _Frame, lanes: Sequence[Lane], first: Month, last: Month) -> Markup:
    left = 14 if frame.narrow else 250
    lane_height = 42 if frame.narrow else 30
    x = scale(first - 0.5, last + 0.5, left, frame.width - 16)
    top, bottom = 6.0, 10.0 + lane_height * len(lanes)
    parts = [_years(first, last, x, top, bottom)]
    for index, lane in enumerate(lanes):
        base = top + index * lane_height
        bar_top = base + (21 if frame.narrow else 8)
        place = (left, base + 14, None) if frame.narrow else (left - 12, base + 19, "end")
        label = tag("text", lane.label, class_="lane", x=place[0], y=place[1], text_anchor=place[2])
        parts.append(tag("a", label, href=f"#{lane.href}"))
        for stretch in lane.stretches:
            start, end = x(stretch.first - 0.5), x(stretch.last + 0.5)
            parts.append(
                tag(
                    "rect",
                    tag("title", _stretch_words(stretch)),
                    class_=f"fill-{stretch.level}",
                    x=start,
                    y=bar_top,
                    width=max(end - start - 0.6, 3.0),
                    height=14,
                    rx=2,
                )
            )
        if lane.runs_on and lane.stretches:
            final = lane.stretches[-1]
            arrow = f"M{x(final.last + 0.5) + 2:.1f} {bar_top:.0f}l7 7l-7 7z"
            parts.append(tag("path", tag("title", "still open"), class_=f"fill-{final.level}", d=arrow))
    return _svg(frame, bottom + 26, "Alerts over time", parts)


def _stretch_words(stretch: Stretch) -> str:
    until = "" if stretch.first == stretch.last else f" to {month_name(stretch.last)}"
    return f"{stretch.level}: {month_name(stretch.first)}{until}"


def _svg(frame: _Frame, height: float, name: str, parts: Sequence[Markup]) -> Markup:
    box = f"0 0 {frame.width} {height:.0f}"
    kind = "narrow" if frame.narrow else "wide"
    return tag("svg", joined(parts), class_=f"chart {kind}", viewBox=box, role="img", aria_label=name)


def _grid(frame: _Frame, steps: Sequence[float], y: Scale) -> Markup:
    parts = []
    digits = 0 if all(abs(step * 100 - round(step * 100)) < 1e-9 for step in steps) else 1
    for step in steps:
        at = y(step)
        kind = "axis" if step == 0 else "grid"
        parts.append(tag("line", class_=kind, x1=frame.left, x2=frame.width - frame.right, y1=at, y2=at))
        parts.append(tag("text", percent(step, digits), class_="tick", x=frame.left - 8, y=at + 4, text_anchor="end"))
    return joined(parts)


def _years(first: Month, last: Month, x: Scale, top: float, bottom: float) -> Markup:
    """Mark each quarter, draw a line at each January, and label each year in the middle of its stretch."""
    parts = []
    for month in range(first + 1, last + 1):
        if month % 3 == 0:
            at = x(month - 0.5)
            depth = 8 if month % 12 == 0 else 4
            parts.append(tag("line", class_="axis", x1=at, x2=at, y1=bottom, y2=bottom + depth))
            if month % 12 == 0:
                parts.append(tag("line", class_="year", x1=at, x2=at, y1=top, y2=bottom))
    for year in range(first // 12, last // 12 + 1):
        start, end = max(first, year * 12), min(last, year * 12 + 11)
        if x(end + 0.5) - x(start - 0.5) >= 34:
            middle = x((start + end) / 2)
            parts.append(tag("text", year, class_="tick", x=middle, y=bottom + 20, text_anchor="middle"))
    return joined(parts)


def _bands(stretches: Sequence[Stretch], x: Scale, top: float, bottom: float) -> Markup:
    parts = []
    for stretch in stretches:
        start, end = x(stretch.first - 0.5), x(stretch.last + 0.5)
        kind = f"band-{stretch.level}"
        parts.append(tag("rect", class_=kind, x=start, y=top, width=end - start, height=bottom - top))
    return joined(parts)


def _levels(frame: _Frame, levels: Sequence[LevelLine], y: Scale) -> Markup:
    """Draw where a level is entered (full) and left (dashed)."""
    parts = []
    start, end = frame.left, frame.width - frame.right
    for line in levels:
        for kind, value in (("enter", line.enter), ("leave", line.leave)):
            at = y(value)
            parts.append(tag("line", class_=f"level {kind} stroke-{line.level}", x1=start, x2=end, y1=at, y2=at))
    return joined(parts)


def _level_labels(frame: _Frame, levels: Sequence[LevelLine], y: Scale) -> Markup:
    """Name the levels, beside the chart or in it; the labels keep their distance from each other."""
    parts, taken = [], float("inf")
    for line in sorted(levels, key=lambda level: level.enter):
        at = y(line.enter)
        taken = at - 4 if frame.narrow else min(at + 4, taken - 14)
        place = frame.left + 4 if frame.narrow else frame.width - frame.right + 8
        text = f"{line.level} {percent(line.enter)}"
        parts.append(tag("text", text, class_=f"level-label ink-{line.level}", x=place, y=taken))
    return joined(parts)


def _curve(points: Sequence[Point], x: Scale, y: Scale) -> Markup:
    """Draw the line through all periods that have a value, and a dot for each."""
    known = [(point, point.value) for point in points if point.value is not None]
    path = " ".join(f"{x(point.month):.1f},{y(value):.1f}" for point, value in known)
    parts = [tag("polyline", class_="curve", points=path)]
    for point, value in known:
        note = tag("title", point.note or f"{format_month(point.month)}: {percent(value)}")
        parts.append(tag("circle", note, class_="dot", cx=x(point.month), cy=y(value), r=2.6))
    return joined(parts)


@dataclass(frozen=True)
class _Label:
    mark: Mark
    row: int
    centre: float
    text: str


def _placed(frame: _Frame, marks: Sequence[Mark], x: Scale) -> list[_Label]:
    """Give each mark a row above the chart in which it touches no other, and where its text is centred."""
    ends: list[float] = []
    placed = []
    for mark in sorted(marks, key=lambda one: one.month):
        value = "" if mark.value is None or frame.narrow else f" {value_text(mark.value)}"
        when = format_month(mark.month) if frame.narrow else month_name(mark.month)
        text = f"{when} {mark.word}{value}"
        half = len(text) * frame.font * 0.33
        centre = min(max(x(mark.month), half + 2), frame.width - half - 2)
        row = next((index for index, end in enumerate(ends) if end + 8 < centre - half), len(ends))
        if row == len(ends):
            ends.append(0.0)
        ends[row] = centre + half
        placed.append(_Label(mark, row, centre, text))
    return placed


def _marks(labels: Sequence[_Label], x: Scale, y: Scale, top: float) -> Markup:
    """Draw all leaders, then the texts over them, then the dots."""
    leaders, texts, dots = [], [], []
    for label in labels:
        mark, at = label.mark, 14 + 18 * label.row
        across = x(mark.month)
        foot = y(mark.value) if mark.value is not None else top
        leaders.append(tag("line", class_=f"leader stroke-{mark.level}", x1=across, x2=across, y1=at + 4, y2=foot))
        kind = f"mark ink-{mark.level}"
        texts.append(tag("text", label.text, class_=kind, x=label.centre, y=at, text_anchor="middle"))
        if mark.value is not None:
            note = tag("title", label.text)
            dots.append(tag("circle", note, class_=f"turn fill-{mark.level}", cx=across, cy=foot, r=4.6))
    return joined([*leaders, *texts, *dots])


def _ends(marks: Sequence[Mark], x: Scale, y: Scale) -> Markup:
    """Draw where an alert ended: a ring."""
    return joined(
        [
            tag("circle", tag("title", f"{month_name(mark.month)}: the alert ended"), class_="end", **_at(mark, x, y))
            for mark in marks
            if mark.value is not None
        ]
    )


def _at(mark: Mark, x: Scale, y: Scale) -> dict[str, float]:
    return {"cx": x(mark.month), "cy": y(mark.value or 0.0), "r": 4.6}


def value_text(value: float) -> str:
    """Return a value in percent with one digit, with two below one percent."""
    return percent(value, 1 if abs(value) >= 0.00995 else 2)
