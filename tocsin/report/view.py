"""What the report shows, read from a running system over HTTP and shaped for the page. Nothing is calculated anew."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from services.risk.domain.policy import Rule
from shared.kernel.days import Month, month_of, parse_day, parse_month
from shared.kernel.money import CURRENCY_DIGITS
from tocsin.client import Client, Json
from tocsin.report.charts import (
    Lane,
    LevelLine,
    Mark,
    Point,
    Stretch,
    bar,
    line_chart,
    month_name,
    overview,
    value_text,
)

_TURNS = frozenset({"opened", "worsened", "eased", "closed", "withdrawn"})
_ENDS = frozenset({"closed", "withdrawn"})


@dataclass(frozen=True)
class Driver:
    """A segment's part of a change."""

    segment: str
    points: str
    detail: str
    bar: Markup


@dataclass(frozen=True)
class Turn:
    """One revision of an alert, as the table shows it."""

    number: int
    change: str
    level: str
    period: str
    value: str
    made_of: str
    sentence: str
    note: str


@dataclass(frozen=True)
class AlertView:
    """One alert as the page shows it."""

    id: str
    book: str
    title: str
    segment: str
    state: str
    peak: str
    opened: str
    latest: str
    owner: str
    sentence: str
    turns: Sequence[Turn]
    split_titles: Sequence[tuple[str, Sequence[Driver], str]]
    tops: Sequence[str]
    top_period: str


@dataclass
class Section:
    """One watched indicator: its chart and its alerts."""

    anchor: str
    book: str
    title: str
    definition: str
    basis: str
    owner: str
    chart: Markup
    notes: list[str] = field(default_factory=list)
    alerts: list[AlertView] = field(default_factory=list)
    last_value: str = ""


@dataclass(frozen=True)
class Alerting:
    """All that the system says about alerts, ready for the page."""

    sections: list[Section]
    overview: Markup
    alerts: list[AlertView]


def read_alerting(client: Client, rules: Sequence[Rule]) -> Alerting:
    """Read each rule's series and alerts; one section per rule, in the order of the policy."""
    definitions = {one["name"]: one for one in client.items("/risk/v1/indicators")}
    sections: list[Section] = []
    alerts: list[AlertView] = []
    lanes: list[Lane] = []
    span: list[Month] = []
    for rule in rules:
        series = _series(client, rule)
        raw = _alerts(client, rule)
        points = _points(series, rule)
        if not points:
            continue
        span += [points[0].month, points[-1].month]
        title = str(definitions.get(rule.indicator, {}).get("title") or rule.indicator)
        section = _section(rule, title, definitions.get(rule.indicator, {}), points, raw)
        for one in raw:
            view = _alert(one, title, rule)
            section.alerts.append(view)
            alerts.append(view)
        stood = [stretch for one in raw for stretch in _stretches(one)]
        runs_on = any(one["state"] == "open" for one in raw)
        lanes.append(Lane(f"{rule.book} · {title}", section.anchor, stood, runs_on))
        sections.append(section)
    drawing = overview(lanes, min(span), max(span)) if lanes else Markup("")
    return Alerting(sections, drawing, alerts)


def _series(client: Client, rule: Rule) -> Json:
    return client.get(
        f"/risk/v1/indicators/{rule.indicator}/series",
        book=rule.book,
        segment="portfolio",
        basis=rule.basis,
        currency=rule.currency,
    )


def _alerts(client: Client, rule: Rule) -> list[Json]:
    found = client.items("/risk/v1/alerts", book=rule.book, indicator=rule.indicator)
    mine = [one for one in found if one["basis"] == rule.basis]
    mine.sort(key=lambda one: (str(one["as_of"]), str(one["id"])))
    return [client.get(f"/risk/v1/alerts/{one['id']}") for one in mine]


def _points(series: Json, rule: Rule) -> list[Point]:
    unit = series.get("currency") if rule.basis == "exposure" else None
    points = []
    for one in series["series"]:
        if not one["final"]:
            continue
        value = one["value"]
        made_of = _made_of(one["numerator"], one["denominator"], unit)
        month = parse_month(one["period"])
        text = "" if value is None else f"{month_name(month)}: {value_text(value)} ({made_of})"
        points.append(Point(month, value, text))
    while points and points[0].value is None:
        del points[0]
    while points and points[-1].value is None:
        del points[-1]
    return points


def _section(rule: Rule, title: str, definition: Json, points: Sequence[Point], raw: Sequence[Json]) -> Section:
    levels = [
        LevelLine(name, threshold.enter, threshold.leave)
        for name, threshold in (("amber", rule.amber), ("red", rule.red))
        if threshold is not None
    ]
    stretches = [stretch for one in raw for stretch in _stretches(one)]
    marks = [mark for one in raw for mark in _marks(one)]
    values = [point for point in points if point.value is not None]
    last = values[-1]
    words = str(definition.get("definition") or "").split("\n\n")[0]
    return Section(
        anchor=f"{rule.book}-{rule.indicator}-{rule.basis}",
        book=rule.book,
        title=title,
        definition=" ".join(words.split()),
        basis={"count": "by count", "exposure": "by exposure"}.get(rule.basis, rule.basis),
        owner=rule.owner.replace("_", " "),
        chart=line_chart(points, levels, stretches, marks, f"{title}, book {rule.book}"),
        notes=[note for note in (rule.note,) if note],
        last_value=f"{value_text(last.value or 0.0)} in {month_name(last.month)}",
    )


def _settled(revisions: Iterable[Json]) -> dict[Month, tuple[str, Json]]:
    """Return the level of each period as the last revision about it says."""
    levels: dict[Month, tuple[str, Json]] = {}
    for one in revisions:
        if one["change"] != "acknowledged":
            levels[month_of(parse_day(one["as_of"]))] = (str(one["level"]), one)
    return levels


def _stretches(alert: Json) -> list[Stretch]:
    """Join months at the same level; a month that no revision speaks about keeps the level before it."""
    stretches: list[Stretch] = []
    levels = _settled(alert["revisions"])
    until = month_of(parse_day(alert["latest_as_of"]))
    level = "none"
    for month in range(min(levels), max(until, max(levels)) + 1):
        level = levels[month][0] if month in levels else level
        if level == "none":
            continue
        if stretches and stretches[-1].level == level and stretches[-1].last == month - 1:
            stretches[-1] = Stretch(stretches[-1].first, month, level)
        else:
            stretches.append(Stretch(month, month, level))
    return stretches


def _marks(alert: Json) -> list[Mark]:
    marks = []
    for one in alert["revisions"]:
        if one["change"] in _TURNS:
            month = month_of(parse_day(one["as_of"]))
            level = str(one["level"])
            marks.append(Mark(month, one["value"], level, "" if one["change"] in _ENDS else level))
    return marks


def _alert(alert: Json, title: str, rule: Rule) -> AlertView:
    revisions = alert["revisions"]
    spoken = [one for one in revisions if one["change"] in ("opened", "worsened")]
    chosen = max(spoken or revisions, key=lambda one: (one["level"] == "red", -int(one["revision"])))
    explanation = chosen.get("explanation") or {}
    currency = explanation.get("currency") or (alert.get("currency") if rule.basis == "exposure" else None)
    return AlertView(
        id=str(alert["id"]),
        book=str(alert["book"]),
        title=title,
        segment=str(alert["segment"]),
        state=str(alert["state"]),
        peak=str(alert.get("peak_level") or alert["level"]),
        opened=month_name(month_of(parse_day(alert["as_of"]))),
        latest=month_name(month_of(parse_day(alert["latest_as_of"]))),
        owner=str(alert.get("owner", "")).replace("_", " "),
        sentence=str(chosen.get("sentence") or alert.get("sentence", "")),
        turns=[_turn(one, rule, currency) for one in revisions],
        split_titles=_splits(explanation, str(chosen["level"])),
        tops=[_top(one) for one in explanation.get("top", [])],
        top_period=str(explanation.get("period", "")),
    )


def _turn(one: Json, rule: Rule, currency: str | None) -> Turn:
    unit = currency if rule.basis == "exposure" else None
    details = one.get("explanation") or {}
    note = ""
    if one["change"] == "acknowledged":
        note = ": ".join(str(part) for part in (details.get("by"), details.get("comment")) if part)
    return Turn(
        number=int(one["revision"]),
        change=str(one["change"]),
        level=str(one["level"]),
        period=str(one["period"]),
        value="–" if one["value"] is None else value_text(one["value"]),
        made_of=_made_of(one["numerator"], one["denominator"], unit),
        sentence=str(one.get("sentence") or ""),
        note=note,
    )


def _splits(explanation: dict[str, Any], level: str) -> list[tuple[str, list[Driver], str]]:
    before = explanation.get("before") or {}
    change = float(before.get("change") or 0.0)
    found = []
    for split in before.get("splits", []):
        largest = max((abs(one["contribution"]) for one in split["contributions"]), default=0.0)
        drivers = [
            Driver(
                segment=str(one["segment"]).partition("=")[2],
                points=_points_text(one["contribution"]),
                detail=_driver_detail(one),
                bar=bar(abs(one["contribution"]) / largest if largest else 0.0, level),
            )
            for one in split["contributions"]
        ]
        if drivers:
            rest = f"{split['rest_segments']} others together {_points_text(split['rest'])}"
            heading = f"{_points_text(change)} against {before['period']}, by {split['attribute']}"
            found.append((heading, drivers, rest))
    return found


def _driver_detail(one: Json) -> str:
    value, before = one.get("value"), one.get("value_before")
    now = "no value" if value is None else value_text(value)
    return now if before is None else f"{now}, before {value_text(before)}"


def _points_text(fraction: float) -> str:
    sign = "+" if fraction >= 0 else "−"
    return f"{sign}{abs(fraction) * 100:.2f} points"


def _top(one: Json) -> str:
    text = f"{one['id']}: {one['what']}"
    if one.get("amount_minor") is not None and one.get("currency"):
        text += f", {_amount(one['amount_minor'], one['currency'])}"
    return text


def _made_of(numerator: int | None, denominator: int | None, currency: str | None) -> str:
    if numerator is None or denominator is None:
        return ""
    if currency:
        return f"{_amount(numerator, None)} of {_amount(denominator, currency)}"
    return f"{numerator:,} of {denominator:,}"


def _amount(amount_minor: int, currency: str | None) -> str:
    """Return an amount in whole units of its currency, as a table of a report has room for."""
    digits = CURRENCY_DIGITS.get(currency or "USD", 2)
    whole = f"{round(amount_minor / 10**digits):,}"
    return f"{whole} {currency}" if currency else whole
