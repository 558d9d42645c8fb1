"""Made-up contents, for previews and for trying all templates at the start."""

from datetime import date

from services.notify.domain.content import AlertContent, Notice, SurveyContent
from services.notify.domain.delivery import Purpose

_DAY = date(2024, 4, 30)
_FIGURES: dict[Purpose, tuple[str, str, str]] = {
    Purpose.OPENED: ("red", "open", "reached 20.5 % (191 of 931 loans) in 2024-04, red from 18.0 %"),
    Purpose.WORSENED: ("red", "open", "worsened from amber to red: 20.5 % in 2024-04, red from 18.0 %"),
    Purpose.CONFIRMED: ("amber", "open", "is confirmed at 14.0 % in 2024-04, amber from 13.0 %"),
    Purpose.WITHDRAWN: ("none", "withdrawn", "came to 12.1 % in 2024-04 as now known and did not reach 13.0 %"),
    Purpose.CLOSED: ("none", "closed", "came back to 10.2 % in 2024-04, below 11.0 %"),
    Purpose.AMENDED: ("amber", "open", "stood at 14.2 % in 2024-04, amber from 13.0 %"),
    Purpose.REMINDER: ("red", "open", "reached 20.5 % (191 of 931 loans) in 2024-04, red from 18.0 %"),
}


def sample_notice(purpose: Purpose, number: int = 1) -> Notice:
    """Return a notice of an alert that does not exist."""
    level, state, said = _FIGURES[purpose]
    return Notice(
        alert=f"{number:032x}",
        purpose=purpose,
        change="opened" if purpose is Purpose.REMINDER else purpose.value,
        state=state,
        level=level,
        book="auto",
        indicator="missed_payment_rate",
        segment="portfolio" if number == 1 else "region=TX",
        period="2024-04",
        as_of=_DAY,
        value=None if purpose is Purpose.WITHDRAWN else 0.205,
        numerator=191,
        denominator=931,
        provisional=purpose is Purpose.OPENED,
        owner="credit_officer",
        policy="demo",
        policy_version=3,
        sentence=f"Missed payments of book auto {said} by policy demo v3. Data as of 2024-04-30.",
        sentence_zh="" if number > 1 else "账簿 auto 的未按期还款率在 2024-04 为 20.5%（政策 demo 第 3 版）。",
        url=f"https://tocsin.example/notify/v1/pages/alerts/sample-{number}",
    )


def sample_alerts(purpose: Purpose, notices: int = 1, name: str = "Ana") -> AlertContent:
    """Return a message to staff with some notices."""
    return AlertContent(
        notices=tuple(sample_notice(purpose, number) for number in range(1, notices + 1)), recipient_name=name
    )


def sample_survey(occasion: str = "loan_closed", name: str = "Li Wei") -> SurveyContent:
    """Return an invitation of a client who does not exist."""
    return SurveyContent(
        client_name=name,
        occasion=occasion,
        url="https://tocsin.example/feedback/v1/pages/surveys/sample",
        expires_on=date(2024, 5, 30),
    )


def sample_contents(purpose: Purpose) -> list[AlertContent | SurveyContent]:
    """Return what every template of a purpose must be able to say: with and without a name, one and many."""
    if purpose is Purpose.SURVEY:
        return [sample_survey("loan_closed"), sample_survey("arrears_cured", "")]
    return [sample_alerts(purpose), sample_alerts(purpose, 25, "")]
