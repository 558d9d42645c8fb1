"""A value against its levels over time, as inline SVG coloured by the page's style sheet.

Drawn twice, large and small, because text inside a drawing shrinks with it; the style sheet shows one.
"""

from collections.abc import Sequence
from math import ceil, floor
from typing import NamedTuple

from markupsafe import Markup

from services.notify.api.explained import Limit, Period
from shared.page.svg import Scale, joined, scale, tag, ticks


class Levels(NamedTuple):
    """The levels of a rule, and on which side of them it rings."""

    amber: Limit | None
    red: Limit | None
    above: bool

    @property
    def named(self) -> list[tuple[str, Limit]]:
        """Return those that there are, by name."""
        return [(name, limit) for name, limit in (("amber", self.amber), ("red", self.red)) if limit is not None]


class Labels(NamedTuple):
    """What is written in and about the drawing."""

    title: str
    description: str
    percent: str
    """Template of a figure in percent, `{number} %`."""
    levels: dict[str, str]


class _Frame(NamedTuple):
    name: str
    width: float
    height: float
    left: float
    right: float
    dates: int


_LARGE = _Frame("large", 704, 290, 52, 108, 8)
_SMALL = _Frame("small", 328, 250, 46, 10, 4)
_TOP, _FOOT = 26.0, 30.0


def draw_chart(points: Sequence[Period], levels: Levels, labels: Labels) -> Markup:
    """Draw a series; empty when no period has a value."""
    if all(point.value is None for point in points):
        return Markup("")
    return joined([_draw(frame, points, levels, labels) for frame in (_LARGE, _SMALL)])


def _draw(frame: _Frame, points: Sequence[Period], levels: Levels, labels: Labels) -> Markup:
    steps = _steps(points, levels)
    top, bottom = _TOP, frame.height - _FOOT
    y = scale(steps[0], steps[-1], bottom, top)
    x = scale(-0.5, len(points) - 0.5, frame.left, frame.width - frame.right)
    title, description = f"chart-{frame.name}-title", f"chart-{frame.name}-description"
    parts = [
        tag("title", labels.title, id=title),
        tag("desc", labels.description, id=description),
        _bands(frame, levels, steps, y),
        _grid(frame, steps, y, labels),
        _dates(frame, points, x, bottom),
        _level_lines(frame, levels, y, labels),
        _course(frame, points, x, y, labels),
    ]
    return tag(
        "svg",
        joined(parts),
        class_=f"chart {frame.name}",
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        role="img",
        aria_labelledby=title,
        aria_describedby=description,
    )


def _steps(points: Sequence[Period], levels: Levels) -> list[float]:
    """Return round values for the axis: zero is always among them."""
    figures = [point.value for point in points if point.value is not None]
    figures += [limit.enter for _, limit in levels.named]
    low, high = min(0.0, *figures), max(0.0, *figures)
    step = ticks(max(high, -low) * 1.06)[1]
    return [step * number for number in range(floor(low * 1.06 / step + 1e-9), ceil(high * 1.06 / step - 1e-9) + 1)]


def _bands(frame: _Frame, levels: Levels, steps: Sequence[float], y: Scale) -> Markup:
    """Shade where it is amber and where it is red."""
    end = steps[-1] if levels.above else steps[0]
    parts = []
    for name, limit in levels.named:
        beyond = levels.red.enter if name == "amber" and levels.red is not None else end
        edges = sorted((y(limit.enter), y(beyond)))
        width = frame.width - frame.left - frame.right
        parts.append(
            tag("rect", class_=f"band {name}", x=frame.left, y=edges[0], width=width, height=edges[1] - edges[0])
        )
    return joined(parts)


def _grid(frame: _Frame, steps: Sequence[float], y: Scale, labels: Labels) -> Markup:
    digits = 0 if all(abs(step * 100 - round(step * 100)) < 1e-9 for step in steps) else 1
    parts = []
    for step in steps:
        at, kind = y(step), "axis" if abs(step) < 1e-12 else "grid"
        text = labels.percent.format(number=f"{abs(step) * 100 if step == 0 else step * 100:.{digits}f}")
        parts.append(tag("line", class_=kind, x1=frame.left, x2=frame.width - frame.right, y1=at, y2=at))
        parts.append(tag("text", text, class_="tick", x=frame.left - 8, y=at + 4, text_anchor="end"))
    return joined(parts)


def _dates(frame: _Frame, points: Sequence[Period], x: Scale, bottom: float) -> Markup:
    """Name the last period and some before it, evenly apart."""
    apart = max(1, ceil(len(points) / frame.dates))
    half = len(points[-1].period) * 3.8
    parts = []
    for index in range(len(points) - 1, -1, -apart):
        at = min(max(x(index), half), frame.width - half)
        parts.append(tag("line", class_="axis", x1=x(index), x2=x(index), y1=bottom, y2=bottom + 4))
        parts.append(tag("text", points[index].period, class_="tick", x=at, y=bottom + 19, text_anchor="middle"))
    return joined(parts)


def _level_lines(frame: _Frame, levels: Levels, y: Scale, labels: Labels) -> Markup:
    """Draw where a level is entered (full) and left (dashed), and name it: beside the drawing, above it when small."""
    start, end, small = frame.left, frame.width - frame.right, frame.name == "small"
    parts, named, across = [], list[Markup](), start
    for name, limit in levels.named:
        for kind, value in (("enter", limit.enter), ("leave", limit.leave)):
            parts.append(tag("line", class_=f"level {kind} {name}", x1=start, x2=end, y1=y(value), y2=y(value)))
        text = f"{labels.levels[name]} {_figure(limit.enter, labels)}"
        place = {"x": across, "y": 14.0} if small else {"x": end + 8, "y": y(limit.enter) + 4}
        named.append(tag("text", text, class_=f"level-name {name}", **place))
        across += 12 * sum(1.0 if character > "\u2e80" else 0.62 for character in text) + 14
    return joined([*parts, *named])


def _course(frame: _Frame, points: Sequence[Period], x: Scale, y: Scale, labels: Labels) -> Markup:
    """Draw the line through all values, a dot for each (hollow while provisional), and say the last."""
    known = [(index, point, point.value) for index, point in enumerate(points) if point.value is not None]
    line = " ".join(f"{x(index):.1f},{y(value):.1f}" for index, _, value in known)
    parts = [tag("polyline", class_="curve", points=line)]
    last, _, latest = known[-1]
    for index, point, value in known:
        kind = f"dot {point.level}{'' if point.final else ' hollow'}"
        radius = 5.0 if index == last else 3.2
        note = tag("title", f"{point.period}: {_figure(value, labels)}")
        parts.append(tag("circle", note, class_=kind, cx=x(index), cy=y(value), r=radius))
    text = _figure(latest, labels)
    half = len(text) * 4.2
    at = min(max(x(last), frame.left + half), frame.width - frame.right - half)
    # The line comes from above when it falls: the figure then stands below.
    falls = len(known) > 1 and known[-2][2] > latest and y(latest) + 22 < frame.height - _FOOT
    parts.append(tag("text", text, class_="latest", x=at, y=y(latest) + (20 if falls else -11), text_anchor="middle"))
    return joined(parts)


def _figure(value: float, labels: Labels) -> str:
    return labels.percent.format(number=f"{value * 100:.1f}".removesuffix(".0"))
