"""Whom notify can tell: people with their hours and channels, teams, endpoints, and the routes that lead to them.

The same shapes come over HTTP and from the provisioning file; both say everything that is wrong with one at once.
"""

import re
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_LINE = r"^[^\x00-\x1f\x7f]*$"
EMAIL_LENGTH_MAX = 254
"""RFC 5321, 4.5.3.1.3, less the brackets."""
EMAIL_PATTERN = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"
"""What every mail server takes: ASCII, an international domain in its `xn--` form. Senders refuse everything else."""
_URL = r"https?://[^\x00-\x20\x7f/@]+(/[^\x00-\x20\x7f]*)?"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST = 200


class Channel(StrEnum):
    """How somebody is told."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    INBOX = "inbox"
    CONSOLE = "console"


class RecipientKind(StrEnum):
    """What a recipient's id is an id of."""

    PERSON = "person"
    ENDPOINT = "endpoint"
    CLIENT = "client"


class Address(NamedTuple):
    """One way to tell one recipient."""

    channel: Channel
    kind: RecipientKind
    recipient: str


class About(NamedTuple):
    """What routes and silences look at."""

    alert: str
    level: str
    book: str
    indicator: str
    segment: str
    owner: str


def _time_zone(name: str) -> str:
    try:
        _zone(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("is no IANA time zone such as Europe/Berlin") from None
    return name


class _Like:
    """A constraint to a pattern that says in plain words what is wrong."""

    def __init__(self, pattern: str, otherwise: str) -> None:
        self._whole, self._otherwise = re.compile(pattern, re.ASCII), otherwise

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return AfterValidator(self._check).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^{self._whole.pattern}$"}

    def _check(self, text: str) -> str:
        if self._whole.fullmatch(text) is None:
            raise ValueError(self._otherwise)
        return text


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Ids = Annotated[tuple[Id, ...], Field(max_length=_MOST)]
Words = Annotated[tuple[Word, ...], Field(max_length=_MOST)]


class Shape(BaseModel):
    """What all of these have in common: nothing that is not known, nothing that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Hours(Shape):
    """When somebody works, in their own time zone."""

    days: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(min_length=1)] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
    )
    starts: time = Field(default=time(9), alias="from", description="Wall clock, such as 09:00")
    ends: time = Field(default=time(17), alias="to", description="Wall clock, later than `from`")

    @model_validator(mode="after")
    def _in_order(self) -> "Hours":
        if self.starts.tzinfo is not None or self.ends.tzinfo is not None:
            raise ValueError("hours are wall clock times without a zone: the person's time_zone is another field")
        if self.starts >= self.ends:
            raise ValueError("`from` must be earlier than `to`, on the same day")
        return self


class Person(Shape):
    """Somebody of the lender's staff."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Anna Weber",
                    "language": "en",
                    "roles": ["credit_officer"],
                    "email": "anna@bank.example",
                    "time_zone": "Europe/Berlin",
                    "hours": {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"},
                }
            ]
        }
    )

    name: Annotated[str, StringConstraints(max_length=100, pattern=_LINE)] = ""
    language: Literal["en", "zh"] = "en"
    roles: Words = Field(default=(), description="Owner roles of policies that this person answers for")
    email: Annotated[
        str,
        StringConstraints(max_length=EMAIL_LENGTH_MAX),
        _Like(f"({EMAIL_PATTERN})?", "is not an e-mail address such as ann@bank.example, in plain ASCII"),
    ] = Field(default="", description="Plain ASCII; an international domain in its `xn--` form")
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    hours: Hours | None = Field(default=None, description="Working hours; absent: reachable at any time")
    red_waits: bool = Field(default=False, description="Red alerts wait for working hours too")


class Team(Shape):
    """Several people under one name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Credit desk", "members": ["anna", "bo"]}]})

    name: Annotated[str, StringConstraints(max_length=100, pattern=_LINE)] = ""
    members: Ids = ()


class Endpoint(Shape):
    """A receiver of webhooks."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://chat.bank.example/hooks/risk",
                    "secrets": ["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="],
                }
            ]
        }
    )

    url: Annotated[
        str,
        StringConstraints(max_length=2_000),
        _Like(_URL, "is not an address such as https://chat.bank.example/hook, without a user name"),
    ]
    secrets: Annotated[
        tuple[
            Annotated[str, _Like(r"whsec_[A-Za-z0-9+/]{32,88}={0,2}", "is not whsec_ and base64 of 24 to 64 bytes")],
            ...,
        ],
        Field(min_length=1, max_length=5, description="`whsec_` and base64 of 24 to 64 bytes, newest first"),
    ]


class Match(Shape):
    """What an alert must be like; nothing named means any."""

    levels: tuple[Literal["amber", "red"], ...] = ()
    books: Words = ()
    indicators: Words = ()
    segments: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=200, pattern=_LINE)], ...], Field(max_length=_MOST)
    ] = Field(default=(), description="`portfolio`, one such as `region=TX`, or an attribute: all its segments")
    owners: Words = Field(default=(), description="Owner roles of the alert")

    def matches(self, about: About) -> bool:
        """Tell whether an alert is like this."""
        return (
            (not self.levels or about.level in self.levels)
            and (not self.books or about.book in self.books)
            and (not self.indicators or about.indicator in self.indicators)
            and (not self.owners or about.owner in self.owners)
            and (
                not self.segments or about.segment in self.segments or about.segment.partition("=")[0] in self.segments
            )
        )


class Route(Shape):
    """To whom alerts go that match. All routes that match apply, in their order, up to one that says `last`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "order": 10,
                    "match": {"levels": ["red"], "books": ["auto"]},
                    "teams": ["desk"],
                    "owner": True,
                    "channels": ["email", "inbox"],
                }
            ]
        }
    )

    order: int = Field(default=100, ge=0, le=1_000_000, description="Lower is looked at earlier; then by id")
    match: Match = Match()
    people: Ids = ()
    teams: Ids = ()
    roles: Words = Field(default=(), description="People who have one of these roles")
    owner: bool = Field(default=False, description="People who have the alert's owner role")
    endpoints: Ids = Field(default=(), description="Webhooks")
    channels: tuple[Literal[Channel.EMAIL, Channel.INBOX, Channel.CONSOLE], ...] = Field(
        default=(Channel.INBOX,), description="How people are told"
    )
    last: bool = Field(default=False, description="An alert that matches is not matched against later routes")

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "Route":
        if not (self.people or self.teams or self.roles or self.owner or self.endpoints):
            raise ValueError("names nobody: people, teams, roles, owner or endpoints")
        if not self.channels and not self.endpoints:
            raise ValueError("names no channel")
        return self


class Directory(NamedTuple):
    """Everybody and every route, by id."""

    people: dict[str, Person]
    teams: dict[str, Team]
    endpoints: dict[str, Endpoint]
    routes: dict[str, Route]

    def having(self, role: str) -> list[str]:
        """Return the people who have a role."""
        return [name for name, person in self.people.items() if role in person.roles]


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def quiet_until(person: Person, now: datetime) -> datetime | None:
    """Return when a person's working hours begin next (UTC); None within them, or for somebody without hours."""
    hours = person.hours
    if hours is None:
        return None
    zone = _zone(person.time_zone)
    today = now.astimezone(zone).date()
    for ahead in range(8):
        day = today + timedelta(days=ahead)
        if _DAYS[day.weekday()] not in hours.days:
            continue
        begins = datetime.combine(day, hours.starts, zone).astimezone(UTC)
        if now < begins:
            return begins
        if now < datetime.combine(day, hours.ends, zone).astimezone(UTC):
            return None
    raise AssertionError("within eight days every day of the week comes")
