"""An explanation in words: what happened, what made it, what to keep in mind, how old the data is.

What is said is decided here from the explanation alone; how it is said stands in a phrasebook, one per language.
"""

from services.risk.domain.explanation import Comparison, Explanation, PeriodAmended
from services.risk.domain.phrases import PHRASEBOOKS, Phrasebook
from services.risk.domain.policy import Direction, Threshold
from services.risk.domain.segments import PORTFOLIO
from shared.kernel.money import CURRENCY_DIGITS

SEGMENTS_SAID = 3
PERIODS_SAID = 3
MOST = 0.5
"""Segments `made most` of a change from this share of it on; else they are only its largest parts."""
FLAT = 0.0005
"""Changes under half of a tenth of a point are not worth a sentence."""


def sentence(explanation: Explanation, language: str = "en") -> str:
    """Return the explanation as a few short sentences; KeyError when there is no phrasebook of the language."""
    words = PHRASEBOOKS[language]
    said = [
        _happened(explanation, words),
        _changed(explanation.before, words) if explanation.change != "withdrawn" else "",
        *(words.note.format(note=note[:1].upper() + note[1:].rstrip(".。")) for note in _notes(explanation, language)),
        words.provisional if explanation.provisional and explanation.change != "withdrawn" else "",
        words.data_as_of.format(day=explanation.data_as_of),
    ]
    return words.joiner.join(part for part in said if part)


def _notes(e: Explanation, language: str) -> tuple[str, ...]:
    """Return the policy's own words."""
    return e.notes_zh if language == "zh" else e.notes


def _happened(e: Explanation, words: Phrasebook) -> str:
    """Say what this revision is about."""
    template = {
        "opened": words.opened,
        "worsened": words.worsened,
        "eased": words.eased,
        "continued": words.continued,
        "confirmed": words.confirmed,
        "amended": words.amended,
        "closed": _closed(e, words),
        "withdrawn": _withdrawn(e, words),
    }[e.change]
    level = {"amber": e.amber, "red": e.red}.get(e.level)
    limits = _limits(e)
    return template.format(
        subject=_subject(e, words),
        period=e.period,
        value=_figure(e, words, limits),
        level=words.levels[e.level],
        level_before=words.levels[e.level_before],
        where=_where(e, level, words),
        lowest_leave=_percent(limits[1], words, (e.value,)) if limits else "",
        lowest_enter=_percent(limits[0], words, (e.value,)) if limits else "",
        inside=words.inside[e.direction],
        policy=words.policy.format(name=e.policy, version=e.policy_version),
        because=words.because.format(because=words.becauses.get(e.because, words.later_facts)),
        amended=_amended(e.amended, words),
    )


def _closed(e: Explanation, words: Phrasebook) -> str:
    """Choose how an end is told."""
    limits = _limits(e)
    if e.reason == "rule_ended":
        return words.closed_rule_ended
    if e.value is None or not limits or Direction(e.direction).reaches(e.value, limits[1]):
        return words.closed
    return words.closed_by_change if e.reason == "past_changed" else words.closed_left


def _withdrawn(e: Explanation, words: Phrasebook) -> str:
    """Choose how a withdrawal is told."""
    if e.reason == "level_not_reached":
        limits = _limits(e)
        reached = e.value is None or not limits or Direction(e.direction).reaches(e.value, limits[0])
        return words.withdrawn if reached else words.withdrawn_not_reached
    return {
        "value_gone": words.withdrawn_value_gone,
        "joined": words.withdrawn_joined,
        "rule_ended": words.withdrawn_rule_ended,
    }.get(e.reason, words.withdrawn)


def _limits(e: Explanation) -> tuple[float, float] | None:
    """Return the enter and leave values of the mildest level."""
    mildest = e.amber or e.red
    return (mildest.enter, mildest.leave) if mildest else None


def _subject(e: Explanation, words: Phrasebook) -> str:
    """Name the indicator and where it was measured."""
    title = words.titles.get(e.indicator, e.title)
    template = words.subject if e.segment == PORTFOLIO else words.subject_segment
    return template.format(title=title, book=e.book, segment=e.segment)


def _where(e: Explanation, threshold: Threshold | None, words: Phrasebook) -> str:
    """Say from which value on the level holds, or until which it stays."""
    if threshold is None or e.value is None:
        return words.levels[e.level]
    level = words.levels[e.level]
    if Direction(e.direction).reaches(e.value, threshold.enter):
        side = words.level_from if e.direction == "above" else words.level_down_from
        return side.format(level=level, limit=_percent(threshold.enter, words, (e.value,)))
    return words.level_until.format(
        level=level, inside=words.inside[e.direction], limit=_percent(threshold.leave, words, (e.value,))
    )


def _figure(e: Explanation, words: Phrasebook, limits: tuple[float, float] | None) -> str:
    """Say a value with what it is made of, with as many digits as tell it from the levels."""
    if e.value is None:
        return words.no_value
    levels = [limit for level in (e.amber, e.red) if level for limit in (level.enter, level.leave)]
    value = _percent(e.value, words, tuple(levels) if limits else ())
    if e.basis == "count":
        counted = words.counted.get(e.counted, e.counted)
        return words.of_count.format(value=value, n=f"{e.numerator:,}", d=f"{e.denominator:,}", counted=counted)
    unit = 10 ** CURRENCY_DIGITS.get(e.currency, 0)
    n, d = (f"{round(amount / unit):,}" for amount in (e.numerator, e.denominator))
    return words.of_amount.format(value=value, n=n, d=d, currency=e.currency)


def _changed(before: Comparison | None, words: Phrasebook) -> str:
    """Say how the value moved and which segments made it move."""
    if before is None:
        return ""
    if abs(before.change) < FLAT:
        return words.unchanged.format(value=_percent(before.value, words, ()), period=before.period)
    points = _points(abs(before.change))
    template = words.rose if before.change > 0 else words.fell
    said = template.format(points=points, value=_percent(before.value, words, ()), period=before.period)
    split = next((split for split in before.splits if split.contributions), None)
    if split is None:
        return said + words.stop
    named = split.contributions[:SEGMENTS_SAID]
    listed = [
        words.contribution.format(segment=each.segment, points=_points(each.contribution, signed=True))
        for each in named
    ]
    most = sum(each.contribution for each in named) / before.change >= MOST
    drivers = words.drivers_most if most else words.drivers_largest
    return said + drivers.format(segments=_list(listed, words)) + words.stop


def _amended(amended: tuple[PeriodAmended, ...], words: Phrasebook) -> str:
    """Say what became of the periods whose past changed."""
    said = [
        words.amended_period.format(
            period=each.period,
            now=_state(each.value, each.level, each.value_before, words),
            then=_state(each.value_before, each.level_before, each.value, words),
        )
        for each in amended[:PERIODS_SAID]
    ]
    if len(amended) > PERIODS_SAID:
        said.append(words.amended_more.format(count=len(amended) - PERIODS_SAID))
    return words.amended_joiner.join(said)


def _state(value: float | None, level: str | None, other: float | None, words: Phrasebook) -> str:
    """Say a period's value and level."""
    if level is None:
        return words.not_part
    number = words.no_value if value is None else _percent(value, words, (other,))
    return words.period_state.format(value=number, level=words.levels[level])


def _percent(value: float, words: Phrasebook, others: tuple[float | None, ...]) -> str:
    """Format a rate with one digit, with more where it would look equal to a rate that it is not equal to."""
    digits = 1
    while digits < 6 and any(
        other is not None and other != value and f"{100 * other:.{digits}f}" == f"{100 * value:.{digits}f}"
        for other in others
    ):
        digits += 1
    return words.percent.format(number=f"{100 * value:.{digits}f}")


def _points(change: float, *, signed: bool = False) -> str:
    """Format a change of a rate in percentage points; two digits where one would show nothing."""
    digits = 1 if abs(change) >= FLAT else 2
    text = f"{100 * change:+.{digits}f}" if signed else f"{100 * change:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def _list(items: list[str], words: Phrasebook) -> str:
    """Join names as the language does."""
    if len(items) == 1:
        return items[0]
    return words.comma.join(items[:-1]) + words.last_comma + items[-1]
