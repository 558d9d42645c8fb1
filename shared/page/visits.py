"""Who stands before a page behind a signed link, and the parameters that all such pages take (D21)."""

from typing import Annotated, Any, NamedTuple

from fastapi import Header, Path, Query

from shared.page import Language
from shared.security.links import Opened

TokenPath = Annotated[str, Path(description="The signed token of the link")]
LangQuery = Annotated[str | None, Query(description="en or zh; absent: the reader's own")]
AcceptLanguage = Annotated[
    str | None, Header(alias="accept-language", description="What the reader prefers, where `lang` is absent")
]

SHOWS: dict[int | str, dict[str, Any]] = {
    404: {"description": "The link was not made by us, or was cut off on its way"},
    410: {"description": "The link has expired or was used, or what it led to is not there"},
    422: {"description": "The form once more, with everything that is wrong with it"},
}
"""What pages behind links answer beside themselves: always a page."""
SENDS: dict[int | str, dict[str, Any]] = {**SHOWS, 413: {"description": "A form larger than anybody types"}}


class Visit(NamedTuple):
    """A link that opened: what it says, in which language its holder reads, and where the page is from here."""

    link: Opened
    token: str
    language: Language
    up: str

    @property
    def here(self) -> str:
        """Return the page's own address, relative, because a public address may have a path in front."""
        return self.up + self.token


def form_body(required: tuple[str, ...] = (), **examples: str) -> dict[str, Any]:
    """Return what a route's description says of the form that its page posts: fields, each with an example."""
    schema = {
        "type": "object",
        "properties": {name: {"type": "string", "examples": [example]} for name, example in examples.items()},
        "required": list(required),
    }
    content = {"application/x-www-form-urlencoded": {"schema": schema, "example": examples}}
    return {"requestBody": {"required": True, "content": content}}
