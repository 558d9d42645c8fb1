"""What templates may do to a value: words for what risk and feedback say in codes, figures and days, by language."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from services.notify.domain.content import Notice

LEVELS = {
    "en": {"red": "red", "amber": "amber", "none": "no alert"},
    "zh": {"red": "红色预警", "amber": "黄色预警", "none": "无预警"},
}
PURPOSES = {
    "en": {
        "opened": "new",
        "worsened": "worsened",
        "confirmed": "confirmed",
        "withdrawn": "withdrawn",
        "closed": "closed",
        "amended": "amended",
        "reminder": "not yet acknowledged",
    },
    "zh": {
        "opened": "新预警",
        "worsened": "恶化",
        "confirmed": "已确认",
        "withdrawn": "已撤销",
        "closed": "已解除",
        "amended": "已更正",
        "reminder": "尚未签收",
    },
}
INDICATORS = {
    "en": {
        "missed_payment_rate": "Missed payments",
        "repayment_delay_rate": "Delayed instalments",
        "default_rate": "Defaults",
        "charge_off_rate": "Charge-offs",
        "par30": "Portfolio at risk > 30 days",
        "par60": "Portfolio at risk > 60 days",
        "par90": "Portfolio at risk > 90 days",
        "project_slip_rate": "Slipping projects",
        "project_delay_rate": "Delayed milestones",
        "csat": "Client satisfaction (CSAT)",
        "nps": "Net promoter score (NPS)",
        "survey_response_rate": "Answered surveys",
    },
    "zh": {
        "missed_payment_rate": "未按期还款率",
        "repayment_delay_rate": "还款延迟率",
        "default_rate": "违约率",
        "charge_off_rate": "核销率",
        "par30": "逾期 30 天以上贷款占比",
        "par60": "逾期 60 天以上贷款占比",
        "par90": "逾期 90 天以上贷款占比",
        "project_slip_rate": "项目延期率",
        "project_delay_rate": "里程碑延误率",
        "csat": "客户满意度（CSAT）",
        "nps": "净推荐值（NPS）",
        "survey_response_rate": "问卷回复率",
    },
}
"""Titles of what risk computes, as risk has them (a test compares); others go by their own names."""


def level_word(level: str, language: str) -> str:
    """Return what a level is called."""
    return LEVELS[language].get(level, level)


def indicator_title(indicator: str, language: str) -> str:
    """Return an indicator's title, or its name with spaces."""
    return INDICATORS[language].get(indicator) or indicator.replace("_", " ")


def segment_words(segment: str, language: str) -> str:
    """Return what a segment is called: `portfolio` is the whole book, others go by attribute and value."""
    if segment == "portfolio":
        return {"en": "whole book", "zh": "全部资产"}[language]
    return segment.replace("=", " ")


def day_words(day: date, language: str) -> str:
    """Return a day in full."""
    return f"{day.year}年{day.month}月{day.day}日" if language == "zh" else f"{day.day} {day:%B} {day.year}"


def percent(value: float | None, language: str) -> str:
    """Return a fraction in percent with one digit, a dash for none."""
    return "–" if value is None else f"{value * 100:.1f}{'' if language == 'zh' else ' '}%"


def where(notice: Notice, language: str) -> str:
    """Return what is watched: a book, or a segment of it."""
    segment = segment_words(notice.segment, language)
    if language == "zh":
        return f"账簿 {notice.book}" + (f" 中 {segment}" if notice.segment != "portfolio" else "")
    return (f"{segment} of " if notice.segment != "portfolio" else "") + f"book {notice.book}"


def about(notices: Sequence[Notice], language: str) -> str:
    """Return what notices are about, in a line: the first, and how many more there are."""
    first, more = notices[0], len(notices) - 1
    title, place = indicator_title(first.indicator, language), where(first, language)
    if language == "zh":
        return f"{place} 的{title}，{first.period}" + (f"，另有 {more} 条" if more else "")
    return f"{title}, {place}, {first.period}" + (f", and {more} more" if more else "")


def filters_of(language: str) -> Mapping[str, Callable[..., Any]]:
    """Return the filters that templates of a language have beside a few of Jinja's own."""
    return {
        "level": lambda level: level_word(level, language),
        "purpose": lambda purpose: PURPOSES[language].get(purpose, purpose),
        "indicator": lambda indicator: indicator_title(indicator, language),
        "where": lambda notice: where(notice, language),
        "day": lambda day: day_words(day, language),
        "percent": lambda value: percent(value, language),
        "about": lambda notices: about(notices, language),
    }
