"""The words that `sentence.py` speaks with: one phrasebook per language, templates with named places."""

import msgspec


class Phrasebook(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a language needs to tell a revision of an alert."""

    opened: str
    worsened: str
    eased: str
    continued: str
    confirmed: str
    amended: str
    closed: str
    closed_left: str
    closed_by_change: str
    closed_rule_ended: str
    withdrawn: str
    withdrawn_not_reached: str
    withdrawn_value_gone: str
    withdrawn_joined: str
    withdrawn_rule_ended: str
    subject: str
    subject_segment: str
    level_from: str
    level_down_from: str
    level_until: str
    inside: dict[str, str]
    levels: dict[str, str]
    policy: str
    because: str
    later_facts: str
    of_count: str
    of_amount: str
    no_value: str
    rose: str
    fell: str
    unchanged: str
    drivers_most: str
    drivers_largest: str
    contribution: str
    amended_period: str
    amended_more: str
    amended_joiner: str
    period_state: str
    not_part: str
    provisional: str
    note: str
    data_as_of: str
    percent: str
    comma: str
    last_comma: str
    stop: str
    joiner: str
    titles: dict[str, str] = {}
    counted: dict[str, str] = {}


ENGLISH = Phrasebook(
    opened="{subject} reached {value} in {period}, {where} by {policy}.",
    worsened="{subject} worsened from {level_before} to {level}: {value} in {period}, {where} by {policy}.",
    eased="{subject} eased from {level_before} to {level}: {value} in {period}, {where} by {policy}.",
    continued="{subject} stayed {level}: {value} in {period}, {where} by {policy}.",
    confirmed="Confirmed now that {period} is final: {subject} at {value}, {where} by {policy}.",
    amended="Amended {because}: {amended}. {subject} stood at {value} in {period}, {where} by {policy}.",
    closed="Closed: {subject} at {value} in {period}, no level any more by {policy}.",
    closed_left="Closed: {subject} came back to {value} in {period}, {inside} {lowest_leave} by {policy}.",
    closed_by_change=(
        "Closed {because}: {amended}. {subject} came back to {value} in {period}, {inside} {lowest_leave} by {policy}."
    ),
    closed_rule_ended="Closed: from {period} on no rule watches {subject} any more.",
    withdrawn="Withdrawn {because}: as now known, {subject} came to {value} in {period}, no alert by {policy}.",
    withdrawn_not_reached=(
        "Withdrawn {because}: as now known, {subject} came to {value} in {period} and did not reach {lowest_enter}, the"
        " least level of {policy}."
    ),
    withdrawn_value_gone="Withdrawn {because}: there is no value any more of {subject} in {period}.",
    withdrawn_joined="Withdrawn {because}: what it told of {subject} in {period} now belongs to another alert.",
    withdrawn_rule_ended="Withdrawn: no rule watched {subject} in {period} by the policy as it now stands.",
    subject="{title} of book {book}",
    subject_segment="{title} of {segment} in book {book}",
    level_from="{level} from {limit}",
    level_down_from="{level} from {limit} down",
    level_until="{level} until {inside} {limit}",
    inside={"above": "below", "below": "above"},
    levels={"none": "no alert", "amber": "amber", "red": "red"},
    policy="policy {name} v{version}",
    because="after {because}",
    later_facts="facts that came later",
    of_count="{value} ({n} of {d} {counted})",
    of_amount="{value} ({currency} {n} of {d})",
    no_value="no value",
    rose="It rose by {points} points from {value} in {period}",
    fell="It fell by {points} points from {value} in {period}",
    unchanged="It is unchanged from {value} in {period}.",
    drivers_most="; {segments} made most of it",
    drivers_largest="; its largest parts are {segments}",
    contribution="{segment} ({points})",
    amended_period="{period} is now {now}, was {then}",
    amended_more="{count} more",
    amended_joiner="; ",
    period_state="{value} ({level})",
    not_part="no part of it",
    provisional="Provisional: the period is not final.",
    note="{note}.",
    data_as_of="Data as of {day}.",
    percent="{number} %",
    comma=", ",
    last_comma=" and ",
    stop=".",
    joiner=" ",
)

PHRASEBOOKS = {"en": ENGLISH}
"""By language tag."""
