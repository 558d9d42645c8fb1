"""Puts contents into words."""

import re
from pathlib import Path
from typing import Any

from services.notify.domain.content import AlertContent, SurveyContent
from services.notify.domain.delivery import Purpose
from services.notify.wording.language import Speech, TemplateWrong
from services.notify.wording.samples import sample_contents
from services.notify.wording.sources import (
    FORMS,
    LANGUAGES,
    PURPOSES,
    Source,
    audience_of,
    parse_source,
    read_sources,
    version_of,
)
from services.notify.wording.written import Audience, Language, WordingFailed, Written

SUBJECT_CHARACTERS_MAX = 160
_ALL: list[tuple[Audience, Purpose, Language]] = [
    (audience, purpose, language)
    for audience, purposes in PURPOSES.items()
    for purpose in purposes
    for language in LANGUAGES
]
_EMPTY_LINES = re.compile(r"\n{3,}")

Content = AlertContent | SurveyContent


class TemplatesWrong(ValueError):
    """Templates that cannot be used; the message lists all errors of all of them."""

    def __init__(self, errors: list[str]) -> None:
        """`errors`: one line each."""
        super().__init__("Templates are wrong:\n" + "\n".join(f"  {error}" for error in errors))
        self.errors = errors


class Wordings:
    """All templates, compiled and tried."""

    def __init__(self, replaced: Path | None = None) -> None:
        """Read the built-in templates and those that replace them; TemplatesWrong tells all errors at once."""
        self._sources, errors = read_sources(replaced)
        self._speeches = {
            (language, form): Speech(language, form == "html") for language in LANGUAGES for form in FORMS
        }
        for name, source in self._sources.items():
            errors += self._learned(name, source)
        known = {error.partition(":")[0] for error in errors}
        errors += [
            error
            for audience, purpose, language in _ALL
            if known.isdisjoint(_files(audience, purpose, language))
            for error in self._tried(purpose, language)
        ]
        if errors:
            raise TemplatesWrong(errors)

    def templates(self) -> list[tuple[Audience, Purpose, Language, str]]:
        """Return what there is: audience, purpose, language and version of each."""
        return [(*one, self._version(*one)) for one in _ALL]

    def write(self, purpose: Purpose, audience: Audience, language: Language, content: Content) -> Written:
        """Return a message in words; WordingFailed when content and audience do not fit or the template fails."""
        if not isinstance(content, SurveyContent if audience == "client" else AlertContent):
            raise WordingFailed(f"a message to {audience} cannot say this kind of content")
        if purpose not in PURPOSES[audience]:
            raise WordingFailed(f"there is no template of the purpose {purpose} for {audience}")
        if isinstance(content, AlertContent) and not content.notices:
            raise WordingFailed("there is nothing to tell")
        values: dict[str, Any] = {field: getattr(content, field) for field in content.__struct_fields__}
        name = f"{audience}/{purpose}"
        text, html = self._speeches[language, "txt"], self._speeches[language, "html"]
        subject = " ".join(text.render(name, values, "subject").split())
        if len(subject) > SUBJECT_CHARACTERS_MAX:
            subject = subject[: SUBJECT_CHARACTERS_MAX - 1] + "…"
        if not subject:
            raise WordingFailed(f"{name}.{language}: the subject is empty")
        return Written(
            subject=subject,
            text=_EMPTY_LINES.sub("\n\n", text.render(name, values)).strip() + "\n",
            html=html.render(name, values).strip() + "\n",
            template=f"{name}.{language}",
            version=self._version(audience, purpose, language),
        )

    def with_template(self, purpose: Purpose, language: Language, source: str) -> "Wordings":
        """Return the same wordings with one purpose's template replaced; TemplatesWrong when it is wrong."""
        name = f"{audience_of(purpose)}/{purpose}.{language}.j2"
        other = object.__new__(Wordings)
        other._sources = dict(self._sources)
        other._speeches = {key: speech.copy() for key, speech in self._speeches.items()}
        try:
            other._sources[name] = parse_source(source)
        except ValueError as error:
            raise TemplatesWrong([f"{name}: {error}"]) from None
        errors = other._learned(name, other._sources[name]) or other._tried(purpose, language)
        if errors:
            raise TemplatesWrong(errors)
        return other

    def source_of(self, purpose: Purpose, language: Language) -> str:
        """Return a template as it is written."""
        return self._sources[f"{audience_of(purpose)}/{purpose}.{language}.j2"].text

    def _learned(self, file: str, source: Source) -> list[str]:
        """Compile one file in the forms that it has; return what is wrong."""
        name, language, *form = file.removesuffix(".j2").split(".")
        errors: list[str] = []
        for each in form or FORMS:
            try:
                self._speeches[_language(language), each].learn(name, source.text)
            except TemplateWrong as wrong:
                errors += [f"{file}: {error}" for error in wrong.errors]
        return list(dict.fromkeys(errors))

    def _tried(self, purpose: Purpose, language: Language) -> list[str]:
        """Write every sample; return what went wrong."""
        errors = []
        for content in sample_contents(purpose):
            try:
                self.write(purpose, audience_of(purpose), language, content)
            except WordingFailed as failed:
                errors.append(f"{audience_of(purpose)}/{purpose}.{language}.j2: {failed.reason}")
        return list(dict.fromkeys(errors))

    def _version(self, audience: Audience, purpose: Purpose, language: Language) -> str:
        return version_of([self._sources[name] for name in _files(audience, purpose, language)])


def _files(audience: Audience, purpose: Purpose, language: Language) -> list[str]:
    """Return the names of the files that a message is made of."""
    return [
        f"{audience}/{purpose}.{language}.j2",
        *(f"{audience}/layout.{language}.{form}.j2" for form in FORMS),
    ]


def _language(word: str) -> Language:
    return "zh" if word == "zh" else "en"
