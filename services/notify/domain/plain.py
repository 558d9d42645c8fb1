"""Plain words for when a template fails: nothing is lost because a text could not be made."""

from typing import NamedTuple

from services.notify.domain.content import AlertContent, SurveyContent


class Plain(NamedTuple):
    """A message without a template."""

    subject: str
    text: str


def plain_words(content: AlertContent | SurveyContent, language: str) -> Plain:
    """Return a message in the simplest words: risk's own sentences and the links."""
    chinese = language == "zh"
    if isinstance(content, SurveyContent):
        subject = "请告诉我们您的感受" if chinese else "How was it for you?"
        return Plain(subject, f"{subject}\n\n{content.url}\n")
    first = content.notices[0]
    more = f" (+{len(content.notices) - 1})" if len(content.notices) > 1 else ""
    lines = [
        f"{one.purpose} · {one.level} · {one.book} · {one.indicator} · {one.segment} · {one.period}\n"
        f"{one.sentence_zh if chinese and one.sentence_zh else one.sentence}\n{one.url}\n"
        for one in content.notices
    ]
    return Plain(f"[{first.level}] {first.book}: {first.indicator} {first.purpose}{more}", "\n".join(lines))
