"""Reading a policy from YAML: everything that is wrong with it at once, each error with its line.

```yaml
policy: demo                    # its name; applying another text under this name makes its next version
effective_from: 2020-01-01      # left out: from the first day of each book
books:
  auto:
    - id: missed-payments
      indicator: missed_payment_rate
      basis: count              # or exposure; left out: the indicator's first basis
      currency: USD             # only for exposure; left out: the book's base currency (counts are of all currencies)
      segments: portfolio       # or an attribute (region), or one value (region=TX), or a list of these
      period: month             # or day
      direction: above          # or below
      amber: {enter: 13 %, leave: 11 %}
      red: {enter: 0.18, leave: 0.14}
      minimum_sample: 30        # loans or projects in the denominator, left out: 0
      minimum_numerator: 5      # loans or projects in the numerator, only for counts
      dwell: 1                  # periods for which a level must hold before it counts
      owner: credit_officer     # role
      acknowledge_within: 4h    # or 30min: after that notify reminds; left out: when its settings say
      drivers: [region]         # attributes whose values are named as what drives an alert
      note: said in every sentence of its alerts
      weekend_note: said when the period's last day is not a working day
      note_zh: the same in Chinese; left out: the English one
      weekend_note_zh: the same in Chinese
```
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import yaml

from services.risk.domain.policy import Catalogue, Direction, IndicatorShape, PeriodKind, Policy, Rule, Threshold
from services.risk.domain.policy_nodes import Fields, PolicyError, Problems, line_of
from services.risk.domain.segments import PORTFOLIO

MAX_CHARACTERS = 262_144
MAX_NODES = 50_000
MAX_DEPTH = 16
MAX_ERRORS = 200
MAX_RULES = 1_000
ACKNOWLEDGE_WITHIN_MAX_H = 720

_TOP = ("policy", "effective_from", "description", "books")
_RULE = (
    *("id", "indicator", "basis", "currency", "segments", "period", "direction", "amber", "red"),
    *("minimum_sample", "minimum_numerator", "dwell", "owner", "acknowledge_within", "drivers"),
    *("note", "weekend_note", "note_zh", "weekend_note_zh"),
)
_NAME = r"[a-z0-9][a-z0-9_-]{0,63}"
_NAME_HINT = "lower-case letters, digits, - and _, at most 64"
_BOOK = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Parsed(msgspec.Struct, frozen=True):
    """A policy, or all errors of its text by line; never both."""

    policy: Policy | None
    errors: tuple[PolicyError, ...]


def parse(text: str, catalogue: Catalogue) -> Parsed:
    """Return the policy that a YAML text says, or everything that is wrong with it.

    Names of indicators and attributes are checked against the catalogue; that a book exists is not, because a policy
    may be applied before its books.
    """
    problems = Problems()
    root = _compose(text, problems)
    policy = _policy(root, catalogue, problems) if root is not None else None
    errors = sorted(problems.errors, key=lambda error: error.line)[:MAX_ERRORS]
    return Parsed(None if errors else policy, tuple(errors))


def _compose(text: str, problems: Problems) -> yaml.Node | None:
    """Return the document as nodes with their places; None when it is no YAML, or more than a policy ever needs."""
    if len(text) > MAX_CHARACTERS:
        problems.add(1, "", f"a policy is at most {MAX_CHARACTERS:,} characters long, this text has {len(text):,}")
        return None
    try:
        if not _is_bounded(text, problems):
            return None
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        problems.add(_line_of_error(error, text), "", f"this is not YAML: {_words_of(error)}")
        return None
    except UnicodeEncodeError as error:
        problems.add(text.count("\n", 0, error.start) + 1, "", "this is not YAML: a character that no text may have")
        return None
    if root is None:
        problems.add(1, "", "the policy is empty: it needs a name (policy) and rules by book (books)")
    return root


def _is_bounded(text: str, problems: Problems) -> bool:
    """Walk the text's events, which neither recurse nor expand: tell whether building its nodes is safe."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.AliasEvent):
            problems.add(line, "", "aliases (*name) are not allowed in a policy: write the value where it holds")
            return False
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            problems.add(line, "", f"a policy is at most {MAX_DEPTH} levels deep and has at most {MAX_NODES:,} values")
            return False
    return True


def _line_of_error(error: yaml.YAMLError, text: str) -> int:
    """Return the line of a syntax error, counted from 1."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        # What is missing at the end is reported in the line after it, which an editor does not show.
        return min(int(mark.line), text.count("\n")) + 1
    position = getattr(error, "position", None)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else 1


def _words_of(error: yaml.YAMLError) -> str:
    """Return what a syntax error says, without its place."""
    said = [getattr(error, "context", None), getattr(error, "problem", None), getattr(error, "reason", None)]
    return ", ".join(str(part) for part in said if part) or "it cannot be read"


def _policy(root: yaml.Node, catalogue: Catalogue, problems: Problems) -> Policy | None:
    """Read the whole document."""
    top = Fields.of(root, "", _TOP, problems)
    if top is None:
        return None
    name = top.text("policy", _NAME, _NAME_HINT, required=True)
    effective_from = top.day("effective_from")
    top.text("description")
    rules: list[Rule] = []
    books = Fields.of(top.node("books", required=True), "books", None, problems)
    for book in books.names if books is not None else ():
        rules.extend(_rules_of(books, book, catalogue, problems) if books is not None else ())
    if books is not None and not books.names:
        problems.add(books.line, "books", "there is no book in it: a policy has rules for at least one")
    if len(rules) > MAX_RULES:
        problems.add(top.line, "books", f"a policy has at most {MAX_RULES:,} rules")
    if problems.errors or name is None:
        return None
    return Policy(name=name, effective_from=effective_from, rules=tuple(rules))


def _rules_of(books: Fields, book: str, catalogue: Catalogue, problems: Problems) -> list[Rule]:
    """Read the rules of one book."""
    books.check_key(book, _BOOK, "letters, digits, . - and _, at most 64")
    rules: list[Rule] = []
    for index, node in enumerate(books.items(book)):
        fields = Fields.of(node, f"books.{book}[{index}]", _RULE, problems)
        if fields is None:
            continue
        before = len(problems.errors)
        identity = fields.text("id", _NAME, _NAME_HINT, required=True)
        if identity is not None:
            problems.claim(identity, line_of(node), fields.path)
        rule = _rule(fields, book, identity or "", catalogue)
        if len(problems.errors) == before:
            rules.append(rule)
    return rules


def _rule(fields: Fields, book: str, identity: str, catalogue: Catalogue) -> Rule:
    """Read one rule; what it returns counts only when reading added no error."""
    direction = Direction(fields.choice("direction", [each.value for each in Direction], Direction.ABOVE))
    indicator = catalogue.indicators.get(fields.choice("indicator", sorted(catalogue.indicators), None))
    measure = _measure(fields, indicator)
    lowest = 0.0 if indicator is None else indicator.lowest
    rule = Rule(
        id=identity,
        book=book,
        indicator=indicator.name if indicator is not None else "",
        owner=fields.text("owner", _NAME, _NAME_HINT, required=True) or "",
        basis=measure.basis,
        currency=fields.currency("currency"),
        segments=_segments(fields, catalogue.attributes),
        period=PeriodKind(measure.period),
        direction=direction,
        amber=_threshold(fields, "amber", direction, lowest),
        red=_threshold(fields, "red", direction, lowest),
        minimum_sample=fields.count("minimum_sample", 0, 0),
        minimum_numerator=fields.count("minimum_numerator", 0, 0),
        dwell=fields.count("dwell", 1, 1, 1_000),
        drivers=tuple(fields.choices("drivers", catalogue.attributes)),
        note=fields.text("note") or "",
        weekend_note=fields.text("weekend_note") or "",
        note_zh=fields.text("note_zh") or "",
        weekend_note_zh=fields.text("weekend_note_zh") or "",
        acknowledge_within_h=fields.hours("acknowledge_within", ACKNOWLEDGE_WITHIN_MAX_H),
    )
    if rule.basis == "count" and rule.currency is not None:
        fields.problem("currency", "loans are counted over all currencies: leave it out, or use basis: exposure")
    if rule.basis == "exposure" and rule.minimum_numerator:
        fields.problem("minimum_numerator", "counts loans or projects, so it needs basis: count")
    _compare_levels(fields, rule)
    return rule


class _Measure(NamedTuple):
    basis: str
    period: str


def _measure(fields: Fields, indicator: IndicatorShape | None) -> _Measure:
    """Read basis and period, which an indicator must have."""
    bases: Sequence[str] = ("count", "exposure") if indicator is None else indicator.bases
    kinds: Sequence[str] = [kind.value for kind in PeriodKind] if indicator is None else indicator.period_kinds
    return _Measure(fields.choice("basis", bases, bases[0]), fields.choice("period", kinds, PeriodKind.MONTH.value))


def _segments(fields: Fields, attributes: Sequence[str]) -> tuple[str, ...]:
    """Read where a rule rings."""
    selectors: list[str] = []
    for node, selector in fields.texts("segments"):
        attribute, equals, value = selector.partition("=")
        if selector != PORTFOLIO and (attribute not in attributes or (equals and not value.strip())):
            fields.problem_at(
                node,
                "segments",
                f"{selector!r} is no segment: write {PORTFOLIO}, an attribute ({', '.join(attributes)})"
                " or one value such as region=TX",
            )
        elif selector in selectors:
            fields.problem_at(node, "segments", f"{selector} is named twice")
        selectors.append(selector)
    if fields.has("segments") and not selectors:
        fields.problem("segments", "is empty: the rule would never ring; leave it out for the portfolio")
    return tuple(selectors) or (PORTFOLIO,)


def _threshold(fields: Fields, name: str, direction: Direction, lowest: float) -> Threshold | None:
    """Read one level's enter and leave values."""
    if not fields.has(name):
        return None
    inner = Fields.of(fields.node(name), f"{fields.path}.{name}", ("enter", "leave"), fields.problems)
    if inner is None:
        return None
    enter, leave = inner.fraction("enter", lowest), inner.fraction("leave", lowest)
    if enter is None or leave is None:
        return None
    if direction.reaches(leave, enter) and leave != enter:
        side = "below" if direction is Direction.ABOVE else "above"
        inner.problem("leave", f"lies on the wrong side: a level of direction {direction} is left {side} its enter")
    always = lowest if direction is Direction.ABOVE else 1.0
    for key, value in (("enter", enter), ("leave", leave)):
        if value == always:
            inner.problem(key, f"every value is {direction} {always:.0%} or at it, so the level would stand for ever")
    return Threshold(enter, leave)


def _compare_levels(fields: Fields, rule: Rule) -> None:
    """Check that there is a level at all, and that red is worse than amber."""
    amber, red, direction = rule.amber, rule.red, rule.direction
    if not fields.has("amber") and not fields.has("red"):
        fields.problem("", "the rule has no level: write amber, red or both")
    if amber is None or red is None:
        return
    if direction.reaches(amber.enter, red.enter):
        fields.problem("red", f"red must be entered later than amber: its enter lies further {direction}")
    if direction.reaches(amber.leave, red.leave) and amber.leave != red.leave:
        fields.problem("red", "red must not be left later than amber, else it would never ease")
