"""Messages in words: every purpose in both languages, escaping, limits, and templates of one's own."""

import re
import time
from pathlib import Path

import msgspec
import pytest

from services.notify.api.page_words import WORDS as PAGE_WORDS
from services.notify.domain.content import AlertContent, Notice, SurveyContent
from services.notify.domain.delivery import Purpose
from services.notify.wording import Audience, Language, TemplatesWrong, WordingFailed, Wordings, Written
from services.notify.wording.language import OUTPUT_CHARACTERS_MAX
from services.notify.wording.samples import sample_alerts, sample_notice, sample_survey
from services.notify.wording.sources import audience_of
from services.notify.wording.words import INDICATORS, filters_of
from services.risk.domain.indicators import INDICATORS as RISK_INDICATORS
from services.risk.domain.phrases import PHRASEBOOKS

WORDINGS = Wordings()
LANGUAGES: tuple[Language, ...] = ("en", "zh")
NASTY = '<script>alert("x")</script> {{ 7 * 7 }} & Ana'
HEAD = '{# version: 7 #}\n{% extends "layout" %}\n{% block subject %}Hello{% endblock %}\n'


def write(purpose: Purpose, language: Language, content: AlertContent | SurveyContent | None = None) -> Written:
    made = content or (sample_survey() if purpose is Purpose.SURVEY else sample_alerts(purpose))
    return WORDINGS.write(purpose, audience_of(purpose), language, made)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", Purpose)
def test_every_purpose_is_said_in_both_languages(purpose: Purpose, language: Language) -> None:
    written = write(purpose, language)
    assert written.template == f"{audience_of(purpose)}/{purpose}.{language}"
    assert re.fullmatch(r"1-[0-9a-f]{8}", written.version)
    assert written.subject
    assert "\n" not in written.subject
    assert f'lang="{"zh-Hans" if language == "zh" else "en"}"' in written.html
    assert f"<title>{written.subject}</title>" in written.html.replace("&amp;", "&").replace("&gt;", ">")
    for form in (written.text, written.html):
        assert "{" not in form
        assert ("您" in form) is (language == "zh")
    others = {write(other, language).subject for other in Purpose if other is not purpose}
    assert written.subject not in others


def test_a_message_to_staff_says_what_where_and_why() -> None:
    written = write(Purpose.WORSENED, "en")
    notice = sample_notice(Purpose.WORSENED)
    assert written.subject == "Worsened to RED: Missed payments, book auto, 2024-04"
    for said in ("Ana", notice.sentence, notice.url, "20.5 %", "credit_officer", "Policy demo v3"):
        assert said in written.text
        assert said in written.html
    chinese = write(Purpose.WORSENED, "zh")
    assert notice.sentence_zh in chinese.text
    assert notice.sentence not in chinese.text


def test_a_sentence_that_has_no_chinese_is_said_in_english() -> None:
    notice = msgspec.structs.replace(sample_notice(Purpose.OPENED), sentence_zh="")
    assert notice.sentence in write(Purpose.OPENED, "zh", AlertContent(notices=(notice,))).text


def test_a_segment_reads_as_one_phrase_in_chinese() -> None:
    written = write(Purpose.OPENED, "zh", sample_alerts(Purpose.OPENED, notices=2))
    assert "账簿 auto 中 region TX 的未按期还款率" in written.text
    assert "账簿 auto 的未按期还款率" in written.text


def test_many_notices_are_one_message_and_none_is_left_out() -> None:
    notices = tuple(sample_notice(purpose, number) for number in range(1, 200) for purpose in (Purpose.OPENED,))
    content = AlertContent(notices=(*notices, sample_notice(Purpose.CLOSED, 200)))
    for language in LANGUAGES:
        written = write(Purpose.OPENED, language, content)
        assert "199" in written.subject
        for notice in content.notices:
            assert f"{notice.url}\n" in written.text
            assert f'"{notice.url}"' in written.html
        assert ("closed" if language == "en" else "已解除") in written.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_filled_in_is_escaped_in_html_and_never_read_as_a_template(language: Language) -> None:
    notice = msgspec.structs.replace(sample_notice(Purpose.OPENED), sentence=NASTY, sentence_zh=NASTY, book=NASTY)
    written = write(Purpose.OPENED, language, AlertContent(notices=(notice,), recipient_name=NASTY))
    survey = write(Purpose.SURVEY, language, sample_survey(name=NASTY))
    for html in (written.html, survey.html):
        assert "<script" not in html
        assert "&lt;script&gt;" in html
    for form in (written.text, written.html, survey.text):
        assert "{{ 7 * 7 }}" in form
    assert NASTY in survey.text


def test_a_long_subject_is_cut_and_stays_one_line() -> None:
    notice = msgspec.structs.replace(sample_notice(Purpose.OPENED), book="a\r\nBcc: x" + "b" * 500)
    subject = write(Purpose.OPENED, "en", AlertContent(notices=(notice,))).subject
    assert len(subject) == 160
    assert subject.endswith("…")
    assert not re.search(r"[\r\n]", subject)


@pytest.mark.parametrize(
    ("purpose", "audience", "content", "reason"),
    [
        (Purpose.SURVEY, "client", sample_alerts(Purpose.OPENED), "cannot say this kind of content"),
        (Purpose.OPENED, "staff", sample_survey(), "cannot say this kind of content"),
        (Purpose.OPENED, "client", sample_survey(), "no template of the purpose opened for client"),
        (Purpose.SURVEY, "staff", sample_alerts(Purpose.OPENED), "no template of the purpose survey for staff"),
        (Purpose.OPENED, "staff", AlertContent(notices=()), "nothing to tell"),
    ],
)
def test_what_staff_and_clients_may_read_is_kept_apart(
    purpose: Purpose, audience: Audience, content: AlertContent | SurveyContent, reason: str
) -> None:
    with pytest.raises(WordingFailed, match=reason):
        WORDINGS.write(purpose, audience, "en", content)


def own(folder: Path, name: str, source: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return folder


def test_a_template_for_clients_reaches_neither_staffs_content_nor_staffs_templates(tmp_path: Path) -> None:
    for wish in ("{{ notices[0].sentence }}", "{{ recipient_name }}"):
        with pytest.raises(TemplatesWrong, match="is undefined"):
            Wordings(own(tmp_path, "client/survey.en.j2", HEAD + f"{{% block lead %}}{wish}{{% endblock %}}"))
    for name in ("../staff/layout", "staff/layout", "/etc/passwd"):
        with pytest.raises(TemplatesWrong, match="only 'layout' can be extended"):
            Wordings(own(tmp_path, "client/survey.en.j2", HEAD.replace("layout", name)))


def test_ones_own_templates_replace_the_built_in_ones_and_are_told_by_their_version(tmp_path: Path) -> None:
    folder = own(tmp_path, "staff/opened.en.j2", HEAD + "{% block lead %}Look & act{% endblock %}")
    written = Wordings(folder).write(Purpose.OPENED, "staff", "en", sample_alerts(Purpose.OPENED))
    assert (written.subject, "Look & act" in written.text) == ("Hello", True)
    assert re.fullmatch(r"7-[0-9a-f]{8}", written.version)
    before = written.version
    own(tmp_path, "staff/opened.en.j2", HEAD + "{% block lead %}Look and act{% endblock %}")
    again = Wordings(folder).write(Purpose.OPENED, "staff", "en", sample_alerts(Purpose.OPENED))
    assert again.version.startswith("7-")
    assert again.version != before


def test_templates_are_found_where_volumes_link_to_them(tmp_path: Path) -> None:
    own(tmp_path / "..2026_03_04", "staff/opened.en.j2", HEAD + "{% block lead %}Linked{% endblock %}")
    (tmp_path / "staff").symlink_to(tmp_path / "..2026_03_04" / "staff")
    (tmp_path / "README.md").write_text("Ours.")
    written = Wordings(tmp_path).write(Purpose.OPENED, "staff", "en", sample_alerts(Purpose.OPENED))
    assert "Linked" in written.text


def test_all_errors_of_all_templates_are_told_at_once(tmp_path: Path) -> None:
    own(tmp_path, "staff/opend.en.j2", "x")
    own(tmp_path, "staff/opened.en.j2", "no version")
    own(tmp_path, "staff/closed.en.j2", HEAD + "{% block lead %}\n{{ notices | }}{% endblock %}")
    own(tmp_path, "staff/confirmed.en.j2", HEAD + "{% block lead %}{{ nobody_knows_this }}{% endblock %}")
    own(tmp_path, "staff/amended.zh.j2", HEAD + "{% set a = 1 %}\n{% block lead %}{{ x|join }}{{ f() }}{% endblock %}")
    with pytest.raises(TemplatesWrong) as caught:
        Wordings(tmp_path)
    assert caught.value.errors == [
        "staff/opend.en.j2: there is no template of this name",
        "staff/opened.en.j2: does not begin with its version, such as {# version: 1 #}",
        "staff/closed.en.j2: line 5: expected token 'name', got 'end of print statement'",
        "staff/amended.zh.j2: line 4: Assign is not part of the language of message templates",
        "staff/amended.zh.j2: line 5: there is no filter 'join'",
        "staff/amended.zh.j2: line 5: Call is not part of the language of message templates",
        "staff/confirmed.en.j2: staff/confirmed: UndefinedError: 'nobody_knows_this' is undefined",
    ]
    with pytest.raises(TemplatesWrong, match="is no folder"):
        Wordings(tmp_path / "nowhere")


def test_a_missing_variable_is_told_at_the_start(tmp_path: Path) -> None:
    own(tmp_path, "staff/opened.en.j2", HEAD + "{% block lead %}{{ notices[0].client }}{% endblock %}")
    own(tmp_path, "staff/closed.zh.j2", HEAD + "{% block lead %}{{ name }}{% endblock %}")
    with pytest.raises(TemplatesWrong) as caught:
        Wordings(tmp_path)
    assert [error.partition(": ")[0] for error in caught.value.errors] == ["staff/opened.en.j2", "staff/closed.zh.j2"]
    assert all("UndefinedError" in error for error in caught.value.errors)


BOMBS = {
    "loops that write nothing": "{% for a in x %}" * 8 + "{% endfor %}" * 8,
    "loops that write": "{% for a in x %}{% for b in x %}" + "a" * 30_000 + "{% endfor %}{% endfor %}",
    "a range": "{% for a in range(10000000) %}{% endfor %}",
    "a product": '{{ "a" * 1000000000 }}',
    "a power": "{{ 9 ** 9 ** 9 }}",
    "a width": '{{ "%1000000000d" % 1 }}',
    "a method": '{{ "a".ljust(1000000000) }}',
    "a filter with a width": '{{ "a"|center(1000000000) }}',
    "a filter that replaces": '{{ x|replace("a", x) }}',
    "doubling": "{% set a = x %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "doubling in a block": "{% set a %}{{ x }}{{ x }}{% endset %}{{ a }}",
    "doubling in loops": "{% for a in [x ~ x] %}" * 19 + "{{ a }}" + "{% endfor %}" * 19,
    "collections": "{% for a in [[x, x]] %}" * 19 + "{{ a }}" + "{% endfor %}" * 19,
    "itself": "{% include 'opened' %}",
    "itself as layout": "{% extends 'opened' %}",
    "a macro": "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "brackets": "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
    "nots": "{{ " + "not " * 10_000 + "1 }}",
    "length": "a" * 100_000,
    "insides": "{{ ''.__class__.__mro__ }}",
    "insides by name": "{{ notices['__class__']['__mro__'] }}",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_template_that_loops_grows_or_looks_inside_fails_soon(bomb: str, tmp_path: Path) -> None:
    source = BOMBS[bomb].replace(" x ", " notices[0].sentence ").replace("[x", "[notices[0].sentence")
    began = time.perf_counter()
    with pytest.raises(TemplatesWrong) as caught:
        Wordings(own(tmp_path, "staff/opened.en.j2", HEAD + "{% block lead %}" + source + "{% endblock %}"))
    assert time.perf_counter() - began < 5
    assert "UndefinedError" not in str(caught.value)


@pytest.mark.parametrize(
    ("lead", "reason"),
    [
        ("{% for a in notices %}" * 3 + "{% endfor %}" * 3, "more than 10000 times"),
        ("{% for a in notices %}" + "a" * 10_000 + "{% endfor %}", f"more than {OUTPUT_CHARACTERS_MAX} characters"),
        ("{{ notices[0].owner - 1 }}", "staff/opened: TypeError"),
        ("{{ notices[0].client }}", "staff/opened: UndefinedError"),
    ],
)
def test_a_template_that_fails_only_on_some_content_ends_in_a_failed_wording(lead: str, reason: str) -> None:
    source = HEAD + "{% block lead %}{% if notices|length > 30 %}" + lead + "{% endif %}{% endblock %}"
    wordings = WORDINGS.with_template(Purpose.OPENED, "en", source)
    assert wordings.write(Purpose.OPENED, "staff", "en", sample_alerts(Purpose.OPENED)).subject == "Hello"
    with pytest.raises(WordingFailed, match=reason):
        wordings.write(Purpose.OPENED, "staff", "en", sample_alerts(Purpose.OPENED, 150))


def test_a_template_can_be_tried_without_changing_what_is_in_use() -> None:
    tried = WORDINGS.with_template(Purpose.SURVEY, "zh", HEAD + "{% block lead %}试试{% endblock %}")
    assert "试试" in tried.write(Purpose.SURVEY, "client", "zh", sample_survey()).html
    assert "试试" not in write(Purpose.SURVEY, "zh").html
    with pytest.raises(TemplatesWrong, match="line 3"):
        WORDINGS.with_template(Purpose.SURVEY, "zh", "{# version: 1 #}\n\n{% if %}")


def test_the_page_about_templates_names_what_there_is_and_its_example_works() -> None:
    page = (Path(__file__).parents[2] / "docs" / "templates.md").read_text()
    (example,) = re.findall(r"```jinja\n(.*?)```", page, re.DOTALL)
    written = WORDINGS.with_template(Purpose.OPENED, "en", example).write(
        Purpose.OPENED, "staff", "en", sample_alerts(Purpose.OPENED, 3)
    )
    assert written.subject == "RED in auto: Missed payments, book auto, 2024-04, and 2 more"
    assert "3 thresholds were reached. Call the desk" in written.text
    names = {*filters_of("en"), *Notice.__struct_fields__, *AlertContent.__struct_fields__}
    assert {name for name in names | {*SurveyContent.__struct_fields__} if f"`{name}`" not in page} == set()


def test_what_risk_computes_has_the_same_titles_here_and_words_for_all_that_it_counts() -> None:
    assert INDICATORS["en"] == {name: indicator.title for name, indicator in RISK_INDICATORS.items()}
    assert INDICATORS["zh"] == PHRASEBOOKS["zh"].titles
    counted = {f"counted_{word}": {"en": word, "zh": zh} for word, zh in PHRASEBOOKS["zh"].counted.items()}
    assert {key: PAGE_WORDS.get(key) for key in counted} == counted
    parts = {f"part_{name}" for one in RISK_INDICATORS.values() for named in one.parts.values() for name in named}
    assert parts - PAGE_WORDS.keys() == set()
