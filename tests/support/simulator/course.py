"""The course of a world: undisturbed and in order, or as the dice say; in the end everything comes to rest."""

import asyncio
from collections.abc import Callable
from typing import Any

from shared.log.port import Partition
from tests.support.simulator.process import CALM, Odds
from tests.support.simulator.rest import left_to_do
from tests.support.simulator.world import LIVES_MAX, SERVICES, World

DISTURBED = Odds(crash=0.002, stop=0.0006, fail=0.004, wait=0.1)
_DISTURBED_S = 9.0
_CHUNK_MAX = 12
_REWIND_MAX = 30
_SETTLED_S = 240
_JUMPS_S = (1.0, 30.0, 600.0, 7_200.0, 90_000.0)


async def live(world: World) -> dict[str, int]:
    """Let everything happen in order and undisturbed; return what is left to do in the end, which must be nothing."""
    people = world.people
    async with world.running():
        await world.insist("intake", people.open_book)
        await world.insist("risk", people.apply_policy)
        await world.insist("notify", people.name_people)
        await people.produce(world.book.facts)
        for client in world.book.contacts:
            await _reach(world, client)
        await _rest(world)
        for close in world.book.closes:
            await world.insist("intake", people.close_day(close))
        return await _rest(world)


async def disturb(world: World) -> dict[str, int]:
    """Let everything happen as the dice say, then end all disturbance; return what is left to do."""
    async with world.running():
        world.fate.odds = DISTURBED
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as acts:
            acts.create_task(world.insist("risk", world.people.apply_policy))
            acts.create_task(world.insist("notify", world.people.name_people))
            acts.create_task(_tell(world, acts))
            acts.create_task(_close_all(world))
            for client in world.book.contacts:
                acts.create_task(_reach(world, client))
            until = loop.time() + _DISTURBED_S
            while loop.time() < until:
                await asyncio.sleep(world.fate.dice.uniform(0.05, 0.5))
                _act(world, acts)
                _disturb_once(world)
            world.fate.odds = CALM
            for life in world.living():
                life.go_on()
        return await _rest(world)


async def _tell(world: World, acts: asyncio.TaskGroup) -> None:
    """Tell all facts in an order of the dice, some twice, over the log, in batches and one by one."""
    dice, people = world.fate.dice, world.people
    acts.create_task(world.insist("intake", people.open_book))
    todo = dice.sample(world.book.facts, len(world.book.facts))
    todo += dice.sample(todo, len(todo) // 8)
    while todo:
        await asyncio.sleep(dice.uniform(0.0, 0.5))
        chunk = [todo.pop() for _ in range(min(len(todo), dice.randint(1, _CHUNK_MAX)))]
        way = dice.random()
        if way < 0.6:
            await people.produce(chunk)
        elif way < 0.9:
            acts.create_task(world.insist("intake", people.post_batch(chunk)))
        else:
            for one in chunk:
                acts.create_task(world.insist("intake", people.post_one(one)))


async def _reach(world: World, client: str) -> None:
    """Put a client's contact once the client is known: it is no fact that could wait."""
    await world.insist("intake", world.people.put_contact(client), ("changed", "same"))


async def _close_all(world: World) -> None:
    """Close day after day, each until it is done; some come too late, when a later one is closed."""
    dice, closes = world.fate.dice, list(world.book.closes)
    if dice.random() < 0.3:
        place = dice.randrange(len(closes) - 1)
        closes[place], closes[place + 1] = closes[place + 1], closes[place]
    for close in closes:
        await asyncio.sleep(dice.uniform(0.1, 1.2))
        await world.insist("intake", world.people.close_day(close), ("closed", "none"))


def _act(world: World, acts: asyncio.TaskGroup) -> None:
    """Have somebody do something with an alert or a survey that there is."""
    dice, people = world.fate.dice, world.people
    choice = dice.random()
    if choice < 0.3 and (told := world.databases["notify"].committed("SELECT id FROM alert ORDER BY id")):
        acts.create_task(world.insist("notify", people.acknowledge(dice.choice(told))))
    elif choice < 0.6 and (known := world.databases["feedback"].committed("SELECT id FROM alert ORDER BY id")):
        act = people.judge if choice < 0.5 else people.remark
        acts.create_task(world.insist("feedback", act(dice.choice(known))))
    elif choice < 0.9:
        asked = world.databases["feedback"].committed("SELECT id FROM survey WHERE state = 'invited' ORDER BY id")
        if asked:
            acts.create_task(world.insist("feedback", people.answer(dice.choice(asked))))


def _disturb_once(world: World) -> None:
    """Disturb something."""
    dice = world.fate.dice
    disturbances: tuple[Callable[[World], None], ...] = (_kill, _stop, _end, _more, _rebalance, _rewind, _cut, _jump)
    chosen = dice.choice(disturbances)
    world.fate.count(chosen.__name__.removeprefix("_"))
    chosen(world)


def _kill(world: World) -> None:
    if lives := world.living():
        world.fate.dice.choice(lives).kill()


def _stop(world: World) -> None:
    """Let a process stand still; another one takes its place."""
    lives = [life for life in world.living() if not life.stopped]
    if lives:
        life = world.fate.dice.choice(lives)
        life.stop(world.fate.dice.uniform(0.5, 10.0))


def _end(world: World) -> None:
    if lives := world.living():
        world.fate.dice.choice(lives).end()


def _more(world: World) -> None:
    service = world.fate.dice.choice(SERVICES)
    if len(world.living(service)) < LIVES_MAX:
        world.begin_life(service)


def _rebalance(world: World) -> None:
    if groups := list(world.log.groups.values()):
        world.fate.dice.choice(groups).rebalance()


def _rewind(world: World) -> None:
    """Have a reader deliver again what it had delivered; stored positions must hold."""
    members = [member for group in world.log.groups.values() for member in group.members if member.positions]
    if members:
        member = world.fate.dice.choice(members)
        partition: Partition = world.fate.dice.choice(list(member.positions))
        member.seek(partition, max(0, member.positions[partition] - world.fate.dice.randint(1, _REWIND_MAX)))


def _cut(world: World) -> None:
    """Break the connections of a process that goes on."""
    if lives := world.living():
        world.cut(world.fate.dice.choice(lives))


def _jump(world: World) -> None:
    """Let the clock jump past leases, pauses between tries, reminders."""
    world.clock.ahead_s += world.fate.dice.choice(_JUMPS_S)


async def _rest(world: World) -> dict[str, int]:
    """Wait until nothing is left to do; what waits for a later hour gets it. Return what is left after a long time."""
    left: dict[str, Any] = {}
    for _ in range(_SETTLED_S):
        await asyncio.sleep(0.5)
        left = left_to_do(world)
        if not left:
            break
        if all(place.startswith("notify ") for place in left):
            world.clock.ahead_s += 900.0
    return left
