"""A verdict on an alert: was it worth giving, and what came of it."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from services.feedback.domain.texts import COMMENT_LENGTH_MAX, TEXT_LENGTH_MAX, Wrong, says_something, tidy, wrong_with
from shared.kernel.ids import hashed_id

Word = Literal["true", "false", "unclear"]
Outcome = Literal["", "none", "watched", "contacted", "restructured", "secured", "defaulted"]
WORDS: tuple[Word, ...] = get_args(Word)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class Said(NamedTuple):
    """What somebody says of an alert."""

    verdict: Word
    outcome: Outcome
    comment: str


def request_id(alert: str, by: str, number: int) -> str:
    """Return the id of somebody's n-th verdict on an alert: the same one again is the same request to risk."""
    return hashed_id("verdict", alert, by, number)


def read_verdict(form: Mapping[str, Sequence[str]]) -> Said | dict[str, Wrong]:
    """Return the verdict that a form holds, or everything that is wrong with it, by field."""
    wrong: dict[str, Wrong] = {}
    verdicts = [word for word in WORDS if word in form.get("verdict", ())]
    if len(verdicts) != 1 or len(set(form.get("verdict", ()))) != 1:
        wrong["verdict"] = Wrong.NOT_CHOSEN
    given = set(form.get("outcome", ())) or {""}
    outcomes = [outcome for outcome in OUTCOMES if outcome in given]
    if len(given) != 1 or not outcomes:
        wrong["outcome"] = Wrong.NOT_CHOSEN
    comment = tidy("\n".join(form.get("comment", ())))
    if fault := wrong_with(comment, COMMENT_LENGTH_MAX):
        wrong["comment"] = fault
    return wrong or Said(verdicts[0], outcomes[0], comment)


def read_remark(form: Mapping[str, Sequence[str]]) -> str | dict[str, Wrong]:
    """Return the remark that a form holds, or what is wrong with it."""
    text = tidy("\n".join(form.get("text", ())))
    fault = wrong_with(text, TEXT_LENGTH_MAX) or (None if says_something(text) else Wrong.NOTHING)
    return {"text": fault} if fault else text
