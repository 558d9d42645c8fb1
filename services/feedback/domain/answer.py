"""A client's answer: satisfaction from 1 to 5, recommendation from 0 to 10, a free text; every one may be left out."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.feedback.domain.texts import TEXT_LENGTH_MAX, Wrong, says_something, tidy, wrong_with

CSAT = {str(number): number for number in range(1, 6)}
NPS = {str(number): number for number in range(11)}
SATISFIED_MIN = 4
PROMOTER_MIN, DETRACTOR_MAX = 9, 6
"""Who recommends and who warns (Reichheld 2003)."""


class Answer(NamedTuple):
    """What a client said; at least one of the three."""

    csat: int | None
    nps: int | None
    text: str


def read_answer(form: Mapping[str, Sequence[str]]) -> Answer | dict[str, Wrong]:
    """Return the answer that a form holds, or everything that is wrong with it, by field (none: the whole form)."""
    wrong: dict[str, Wrong] = {}
    csat = _choice(form, "csat", CSAT, wrong)
    nps = _choice(form, "nps", NPS, wrong)
    text = tidy("\n".join(form.get("text", ())))
    if fault := wrong_with(text, TEXT_LENGTH_MAX):
        wrong["text"] = fault
    if not wrong and csat is None and nps is None and not says_something(text):
        wrong[""] = Wrong.NOTHING
    return wrong or Answer(csat, nps, text)


def _choice(
    form: Mapping[str, Sequence[str]], name: str, offered: Mapping[str, int], wrong: dict[str, Wrong]
) -> int | None:
    given = {value for value in form.get(name, ()) if value}
    if not given:
        return None
    if len(given) > 1 or not given <= offered.keys():
        wrong[name] = Wrong.NOT_CHOSEN
        return None
    return offered[given.pop()]
