"""Those who talk to the system while it is disturbed: senders of facts, a clerk who closes days, officers.

Whoever gets no answer says the same again under the same id, some at once, some when all is quiet, some never.
"""

import asyncio
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import httpx

from tests.chaos.book import BOOK, Close, Script, Step
from tests.chaos.history import History, Outcome
from tests.chaos.pace import Pace

_ANSWER_TIMEOUT_S = 4.0
_TRIES = 6
_PAUSE_S = 0.5
_KEPT = frozenset({"accepted", "repeated", "waiting", "quarantined"})


class Foreign(Protocol):
    """Another producer on `tocsin.facts`."""

    async def append(self, facts: Sequence[Mapping[str, Any]]) -> None:
        """Append; OSError when it is not confirmed, and may still be on its way."""

    async def close(self) -> None:
        """Let what is on its way arrive, and end."""


class Reach(NamedTuple):
    """How those who talk reach the system."""

    url_of: Callable[[str], str]
    """The address of a service."""
    key: Callable[[], str]
    foreign: Foreign | None
    """None: nobody else can write to the log, and facts go over HTTP instead."""


class Load:
    """All who talk, and the history of what they said and heard."""

    def __init__(
        self, script: Script, reach: Reach, history: History, dice: random.Random, seconds: float, pace: Pace
    ) -> None:
        """`seconds` is how long the script takes."""
        self._script, self._reach, self._history, self._seconds = script, reach, history, seconds
        self._dice, self._pace = dice, pace
        self._client = httpx.AsyncClient(timeout=_ANSWER_TIMEOUT_S, limits=httpx.Limits(max_keepalive_connections=4))
        self._left: list[Step] = []
        self._taken: set[str] = set()
        self._closed = 0
        self.strange: list[str] = []
        """Answers that nothing may cause: a 500, an answer that is no JSON."""

    async def talk(self) -> None:
        """Say everything at its time, as far as there are answers."""
        async with asyncio.TaskGroup() as workers:
            for steps in self._script.workers:
                workers.create_task(self._send_all(steps))
            workers.create_task(self._close_days())
            workers.create_task(self._judge())

    async def insist(self, within_s: float) -> None:
        """Say again what must be answered and has not been; called when the faults are over."""
        try:
            async with asyncio.timeout(within_s):
                await self._insist()
        except TimeoutError:
            self.strange.append(f"no answer to {len(self._left)} steps, {self._closed} days closed, without any fault")

    async def _insist(self) -> None:
        while self._left:
            left, self._left = self._left, []
            for step in left:
                await self._send(step, tries=1)
            if self._left:
                await self._pace.rest(_PAUSE_S)
        while self._closed < len(self._script.closes):
            await self._close(self._script.closes[self._closed])

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def ask(
        self,
        what: str,
        names: Sequence[str],
        path: str,
        judge: Callable[[httpx.Response], Mapping[str, Outcome]],
        **options: Any,
    ) -> Mapping[str, Outcome]:
        """Post something; return what is known of each name afterwards."""
        url = self._reach.url_of(path.split("/")[1]) + path
        operation = self._history.invoke(what, names, path=path)
        outcomes: Mapping[str, Outcome] = {}
        detail = ""
        headers = {"Authorization": f"Bearer {self._reach.key()}", **options.pop("headers", {})}
        try:
            answer = await self._client.post(url, headers=headers, **options)
            detail = str(answer.status_code)
            if answer.status_code < 500:
                outcomes = judge(answer)
            elif answer.status_code != 503:
                self.strange.append(f"POST {path}: {answer.status_code} {answer.text[:200]}")
        except httpx.HTTPError as error:
            detail = type(error).__name__
        self._history.end(operation, outcomes, detail)
        return outcomes

    async def read(self, path: str, **params: str) -> Any:
        """Return what is at an address; None without an answer or when there is nothing."""
        url, headers = self._reach.url_of(path.split("/")[1]) + path, {"Authorization": f"Bearer {self._reach.key()}"}
        try:
            answer = await self._client.get(url, params=params, headers=headers)
        except httpx.HTTPError:
            return None
        if answer.status_code == 500:
            self.strange.append(f"GET {path}: {answer.status_code} {answer.text[:200]}")
        return answer.json() if answer.status_code == 200 else None

    async def _until(self, at: float) -> None:
        await self._pace.until(at * self._seconds)

    async def _send_all(self, steps: Iterable[Step]) -> None:
        for step in steps:
            await self._until(step.at)
            if step.kind == "other" and not self._taken.issuperset(fact["id"] for fact in step.facts):
                continue  # Before intake is known to have the first one, either may be the one that is kept.
            await self._send(step, _TRIES if step.insists else 1)

    async def _send(self, step: Step, tries: int) -> None:
        for _ in range(tries):
            known = await self._say(step)
            if step.kind != "topic":
                self._taken.update(name for name, outcome in known.items() if outcome is Outcome.DONE)
            open_ = [place for place, name in enumerate(step.names) if known.get(name, Outcome.UNKNOWN) == "unknown"]
            step = step._replace(
                facts=tuple(step.facts[place] for place in open_), names=tuple(step.names[place] for place in open_)
            )
            if not step.facts:
                return
            if tries > 1:
                await self._pace.rest(_PAUSE_S)
        if step.insists:
            self._left.append(step)

    async def _say(self, step: Step) -> Mapping[str, Outcome]:
        kind, facts, names = step.kind, step.facts, step.names
        if kind == "topic" and self._reach.foreign is not None:
            return await self._append(self._reach.foreign, facts, names)
        if kind == "resource" and facts[0]["type"] == "tocsin.repayment.received.v1":
            body = {**facts[0]["data"], "id": facts[0]["id"], "source": facts[0]["source"]}
            path = f"/intake/v1/loans/{body.pop('loan')}/repayments"
            headers = {"Idempotency-Key": names[0]}
            return await self.ask(
                "facts", names, path, lambda answer: _single(answer, names), json=body, headers=headers
            )
        if kind == "batch":
            content, media_type = json.dumps(facts), "application/cloudevents-batch+json"
        elif len(facts) == 1 and kind in ("one", "other"):
            content, media_type = json.dumps(facts[0]), "application/cloudevents+json"
        else:
            content, media_type = "\n".join(map(json.dumps, facts)), "application/x-ndjson"
        judge = _many if media_type != "application/cloudevents+json" else _single
        headers = {"Content-Type": media_type}
        return await self.ask(
            "facts", names, "/intake/v1/facts", lambda answer: judge(answer, names), content=content, headers=headers
        )

    async def _append(
        self, foreign: Foreign, facts: Sequence[Mapping[str, Any]], names: Sequence[str]
    ) -> Mapping[str, Outcome]:
        operation = self._history.invoke("facts", names, path="tocsin.facts")
        outcomes, detail = {}, "appended"
        try:
            await foreign.append(facts)
            outcomes = dict.fromkeys(names, Outcome.DONE)
        except OSError as error:
            detail = type(error).__name__
        self._history.end(operation, outcomes, detail)
        return outcomes

    async def _close_days(self) -> None:
        for close in self._script.closes:
            await self._until(close.at)
            for _ in range(_TRIES):
                if await self._close(close):
                    break
            else:
                return  # In their order, and the rest when all is quiet.

    async def _close(self, close: Close) -> bool:
        day = close.day.isoformat()
        body = {"day": day, "known_at": f"{day}T23:00:00Z"}
        done = await self.ask(
            "closes", [day], f"/intake/v1/books/{BOOK}/closes", lambda answer: _single(answer, [day]), json=body
        )
        if done.get(day) is Outcome.DONE:
            self._closed += 1
            return True
        await self._pace.rest(_PAUSE_S)
        return False

    async def _judge(self) -> None:
        """Officers look at the alerts again and again; each time one of them is acknowledged or judged."""
        for number in range(int(self._seconds)):
            await self._until((number + 0.5) / self._seconds)
            choice, word = self._dice.random(), self._dice.choice(["true", "false", "unclear"])
            page = await self.read("/risk/v1/alerts", book=BOOK, limit="100")
            alerts = sorted(one["id"] for one in page["items"]) if page else []
            if not alerts:
                continue
            alert, by = alerts[int(choice * len(alerts))], f"officer-{number}"
            if number % 3:
                await self._ask_about(f"/feedback/v1/alerts/{alert}/verdicts", "verdicts", by, {"verdict": word})
            else:
                await self._ask_about(f"/risk/v1/alerts/{alert}/acknowledgements", "acknowledgements", by, {})

    async def _ask_about(self, path: str, what: str, by: str, body: dict[str, Any]) -> None:
        for _ in range(_TRIES):
            headers = {"Idempotency-Key": by}
            known = await self.ask(
                what, [by], path, lambda answer: _made(answer, [by]), json={**body, "by": by}, headers=headers
            )
            if known:
                return
            await self._pace.rest(_PAUSE_S)


def _single(answer: httpx.Response, names: Sequence[str]) -> Mapping[str, Outcome]:
    """Judge the answer to a request for one thing."""
    if answer.is_success:
        return {names[0]: Outcome.DONE}
    if answer.json()["type"].endswith("/still-running"):
        return {}
    return {names[0]: Outcome.FAILED}


def _made(answer: httpx.Response, names: Sequence[str]) -> Mapping[str, Outcome]:
    """Judge the answer to a request that makes something; 200: it was so already, and nothing was made."""
    return {names[0]: Outcome.FAILED} if answer.status_code == 200 else _single(answer, names)


def _many(answer: httpx.Response, names: Sequence[str]) -> Mapping[str, Outcome]:
    """Judge the answer to a batch, item by item; a refusal of the whole refuses each."""
    if not answer.is_success:
        return dict.fromkeys(names, Outcome.FAILED)
    items = answer.json()["items"]
    assert len(items) == len(names), "an answer for each fact"
    return {
        name: Outcome.DONE if item["outcome"] in _KEPT else Outcome.FAILED
        for name, item in zip(names, items, strict=True)
    }
