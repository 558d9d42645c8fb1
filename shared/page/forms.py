"""Forms that are posted from pages: read bounded, and never refused for what is in them."""

from urllib.parse import parse_qs

from fastapi import Request

Form = dict[str, list[str]]
_FIELDS_MAX = 50


class FormTooLarge(Exception):
    """A form has more bytes or more fields than a person types."""


async def read_form(request: Request, bytes_max: int) -> Form:
    """Return the fields of an `application/x-www-form-urlencoded` body, each with all its values.

    Anything else that was posted reads as a form without fields: the page then says what is missing. FormTooLarge when
    it is larger than any page's form.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > bytes_max:
            raise FormTooLarge
    try:
        return parse_qs(
            body.decode("utf-8", errors="replace"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError:
        raise FormTooLarge from None
