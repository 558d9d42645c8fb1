"""What every page behind a signed link is asked with."""

from typing import Annotated

from fastapi import Header, Path, Query

TokenPath = Annotated[str, Path(description="The signed token of the link")]
LangQuery = Annotated[str | None, Query(description="en or zh; absent: the reader's own")]
AcceptLanguage = Annotated[
    str | None, Header(alias="accept-language", description="What the reader prefers, where `lang` is absent")
]
