"""What the alert's page shows, in the words and figures of its reader's language."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from services.notify.api.chart import Labels, Levels, draw_chart
from services.notify.api.explained import Explained, Period, read_explained
from services.notify.api.page_words import WORDS
from services.notify.store.alerts import Asked, KnownAlert
from services.notify.wording.words import indicator_title, segment_words
from shared.events.risk import AlertRevised
from shared.kernel.money import CURRENCY_DIGITS, format_amount
from shared.page import Language

Say = Callable[..., str]
COUNTS = frozenset({"loans", "restructured_loans", "paid_ahead", "gap_days"})
"""Parts of an indicator that count something also where its value is of amounts."""
_SEGMENTS_MAX, _TOP_MAX, _PARTS_MAX, _SPLITS_MAX = 8, 10, 12, 6


class Row(NamedTuple):
    """One line of a table: name, figure, detail below it, the share of a bar (-1 to 1)."""

    name: str
    figure: str
    detail: str = ""
    share: float = 0.0
    level: str = ""


class Table(NamedTuple):
    """Rows under a heading."""

    heading: str
    rows: Sequence[Row]


class Turn(NamedTuple):
    """One revision of the alert."""

    number: int
    change: str
    level: str
    level_word: str
    figure: str
    known: str
    sentence: str


class Answer(NamedTuple):
    """How acknowledging stands."""

    said: str
    """Empty: nobody has."""
    comment: str
    """What whoever did says of it."""
    refused: str
    """Why the reader's own did not count."""
    wanted: bool
    """Show the form."""


class View(NamedTuple):
    """Everything that is shown, in words."""

    heading: str
    level: str
    level_word: str
    state: str
    provisional: bool
    sentence: str
    notes: Sequence[str]
    facts: Sequence[Row]
    chart: Markup
    series: Sequence[Row]
    change: str
    drivers: Sequence[Table]
    top: Sequence[Row]
    parts: Sequence[Row]
    turns: Sequence[Turn]
    more_turns: bool
    answer: Answer
    identity: str


def view_of(known: KnownAlert, revisions: Sequence[AlertRevised], reader: str, language: Language) -> View:
    """Return the view of an alert for one reader; `revisions` oldest first, perhaps only the last."""
    return _Teller(known, language).view(revisions, reader)


def speaker(language: Language) -> Say:
    """Return what fills in the words of a language."""

    def say(key: str, **fill: object) -> str:
        return WORDS[key][language].format(**fill)

    return say


class _Teller:
    def __init__(self, known: KnownAlert, language: Language) -> None:
        self.known, self.latest = known, known.latest
        self.explained: Explained = read_explained(known.explanation)
        self.language: Language = language
        self.say = speaker(language)

    def view(self, revisions: Sequence[AlertRevised], reader: str) -> View:
        latest, explained, say = self.latest, self.explained, self.say
        before = explained.before
        notes = (explained.notes_zh if self.language == "zh" else ()) or explained.notes
        change = ""
        if before is not None:
            change = say(
                "drivers_change",
                period=before.period,
                value=self.figure(before.value),
                change=self.points(before.change),
            )
        level = latest.level if latest.state == "open" else "none"
        return View(
            heading=self._heading(),
            level=level,
            level_word=say(f"level_{level}"),
            state=say(f"state_{latest.state}"),
            provisional=latest.provisional,
            sentence=self._sentence(latest),
            notes=notes,
            facts=self._facts(),
            chart=self._chart(),
            series=[self._period(one) for one in reversed(explained.series)],
            change=change,
            drivers=self._drivers(),
            top=self._top(),
            parts=[self._part(name, number) for name, number in list(explained.parts.items())[:_PARTS_MAX]],
            turns=[self._turn(one) for one in reversed(revisions)],
            more_turns=bool(revisions) and revisions[0].revision > 1,
            answer=self._answer(reader),
            identity=say("identity", alert=self.known.id, revision=latest.revision),
        )

    def figure(self, value: float | None) -> str:
        return self.say("none") if value is None else self.say("figure", number=f"{value * 100:.1f}")

    def points(self, value: float) -> str:
        return self.say("points", number=f"{value * 100:+.1f}".replace("-", "\u2212"))

    def of(self, numerator: int | None, denominator: int | None, unit: bool = True) -> str:
        """Return what a rate is made of: counts with what they count, or amounts with their currency."""
        if numerator is None or not denominator:
            return ""
        named = self._unit() if unit else ""
        said = self.say("of", numerator=self._number(numerator), denominator=self._number(denominator), unit=named)
        # Counts are short and stay on one line, amounts may have to break.
        return said.strip() if self._amounts else said.strip().replace(" ", "\u00a0")

    def _unit(self) -> str:
        if self._amounts:
            return self.explained.currency
        counted = f"counted_{self.explained.counted}"
        return self.say(counted) if counted in WORDS else ""

    @property
    def _amounts(self) -> bool:
        return self.explained.basis == "exposure" and self.explained.currency in CURRENCY_DIGITS

    def _number(self, number: int, amounts: bool | None = None) -> str:
        if self._amounts if amounts is None else amounts:
            return grouped(format_amount(number, self.explained.currency))
        return f"{number:,}"

    def _sentence(self, one: AlertRevised) -> str:
        """Return the sentence in the reader's language; no line may break between a figure and its sign."""
        return ((one.sentence_zh if self.language == "zh" else "") or one.sentence).replace(" %", "\u00a0%")

    def _heading(self) -> str:
        title = indicator_title(self.latest.indicator, self.language)
        book, segment = self.latest.book, self.latest.segment
        place = self.say("book", book=book)
        if segment != "portfolio":
            place = self.say("segment", book=book, segment=segment_words(segment, self.language))
        return self.say("heading", title=title, where=place)

    def _facts(self) -> list[Row]:
        latest, explained, say = self.latest, self.explained, self.say
        rows = [
            Row(say("period"), self._named(latest.period, not latest.provisional)),
            Row(say("value"), self.figure(latest.value), self.of(latest.numerator, latest.denominator)),
            Row(say("owner"), latest.owner.replace("_", " ")),
            Row(
                say("policy"),
                say("policy_named", policy=latest.policy, version=latest.policy_version),
                say("rule", rule=explained.rule) if explained.rule else "",
            ),
        ]
        if explained.peak_level in ("amber", "red"):
            rows.insert(2, Row(say("peak"), say(f"level_{explained.peak_level}")))
        if explained.data_as_of:
            age = say("data_age", days=explained.data_age_days) if explained.data_age_days else ""
            rows.append(Row(say("data"), explained.data_as_of, age))
        return rows

    def _named(self, period: str, final: bool) -> str:
        return period if final else self.say("provisionally", period=period)

    def _chart(self) -> Markup:
        explained, say = self.explained, self.say
        known = [one for one in explained.series if one.value is not None]
        if not known:
            return Markup("")
        levels = Levels(explained.amber, explained.red, explained.direction != "below")
        kind = "chart_above" if levels.above else "chart_below"
        words = [
            say(kind, level=say(f"level_{name}"), enter=self.figure(limit.enter), leave=self.figure(limit.leave))
            for name, limit in levels.named
        ]
        description = say(
            "chart_description",
            count=len(known),
            first=known[0].period,
            last=known[-1].period,
            value=self.figure(known[-1].value),
            levels=" ".join(words),
        )
        title = f"{say('chart_title')}: {self._heading()}"
        names = {name: say(f"level_{name}") for name in ("amber", "red")}
        return draw_chart(explained.series, levels, Labels(title, description, WORDS["figure"][self.language], names))

    def _period(self, one: Period) -> Row:
        level = one.level if f"level_{one.level}" in WORDS else "none"
        made_of = self.of(one.numerator, one.denominator, unit=False)
        return Row(self._named(one.period, one.final), self.figure(one.value), made_of, level=level)

    def _drivers(self) -> list[Table]:
        before, say = self.explained.before, self.say
        tables = []
        for split in before.splits[:_SPLITS_MAX] if before is not None else ():
            most = max((abs(one.contribution) for one in split.contributions), default=0.0) or 1.0
            rows = [
                Row(
                    one.segment.partition("=")[2] or one.segment,
                    self.points(one.contribution),
                    say("from_to", before=self.figure(one.value_before), now=self.figure(one.value)),
                    one.contribution / most,
                )
                for one in split.contributions[:_SEGMENTS_MAX]
            ]
            if split.rest_segments:
                rows.append(Row(say("rest", count=split.rest_segments), self.points(split.rest), "", split.rest / most))
            if rows:
                tables.append(Table(say("by_attribute", attribute=split.attribute), rows))
        return tables

    def _top(self) -> list[Row]:
        rows = []
        for one in self.explained.top[:_TOP_MAX]:
            amount = ""
            if one.amount_minor is not None and one.currency in CURRENCY_DIGITS:
                amount = f"{grouped(format_amount(one.amount_minor, one.currency))} {one.currency}"
            rows.append(Row(one.id, amount, (one.what_zh if self.language == "zh" else "") or one.what))
        return rows

    def _part(self, name: str, number: int) -> Row:
        title = self.say(f"part_{name}") if f"part_{name}" in WORDS else name.replace("_", " ")
        amounts = self._amounts and name not in COUNTS
        return Row(title, f"{self._number(number, amounts)} {self.explained.currency if amounts else ''}".strip())

    def _turn(self, one: AlertRevised) -> Turn:
        say = self.say
        level = one.level if one.state == "open" else "none"
        return Turn(
            one.revision,
            say(f"change_{one.change}"),
            level,
            say(f"level_{level}"),
            f"{one.period} · {self.figure(one.value)}",
            say("known", moment=moment_words(one.known_from)),
            self._sentence(one),
        )

    def _answer(self, reader: str) -> Answer:
        say, is_open = self.say, self.latest.state == "open"
        asked = [one for one in self.known.requests if one.kind == "acknowledgement"]
        accepted = self.known.acknowledgement
        if self.known.acknowledged:
            done = say("ack_done_elsewhere") if accepted is None else self._by("ack_done", accepted)
            return Answer(done, "" if accepted is None else accepted.comment or "", "", False)
        waiting = [one for one in asked if one.decision is None]
        own = [one for one in asked if one.by == reader and one.decision in ("superseded", "unknown")]
        refused = say(f"ack_{own[-1].decision}") if own else ""
        if waiting and is_open:
            mine = next((one for one in waiting if one.by == reader), None)
            shown = mine or waiting[-1]
            return Answer(self._by("ack_asked", shown), shown.comment or "", "", mine is None)
        return Answer("" if is_open else say("ack_over"), "", refused, is_open)

    def _by(self, key: str, asked: Asked) -> str:
        moment = asked.decided_at or asked.requested_at
        return self.say(key, by=asked.by, moment="" if moment is None else moment_words(moment))


def grouped(amount: str) -> str:
    """Return a decimal amount with thousands set apart."""
    whole, point, fraction = amount.partition(".")
    return f"{int(whole):,}{point}{fraction}" if whole not in ("-0", "") else amount


def moment_words(moment: datetime) -> str:
    """Return a moment as people read it, in UTC."""
    return moment.strftime("%Y-%m-%d %H:%M")
