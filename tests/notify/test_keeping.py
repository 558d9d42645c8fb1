"""The directory: a file converges, HTTP keeps the rest, and neither undoes the other silently."""

from pathlib import Path

import pytest

from services.notify import metrics
from services.notify.domain.directory import Person
from services.notify.handlers.keeping import Kept, put_entry, remove_entry
from services.notify.store.directory import read_directory
from tests.notify.house import PEOPLE, House


async def put(house: House, person: str, if_match: str | None = None, **fields: object) -> Kept:
    async with house.database.transaction() as tx:
        return (await put_entry(tx, "person", person, Person.model_validate(fields), if_match)).kept


async def remove(house: House, name: str, if_match: str | None = None) -> Kept:
    async with house.database.transaction() as tx:
        return (await remove_entry(tx, "person", name, if_match)).kept


async def names(house: House) -> list[str]:
    async with house.database.read() as tx:
        return sorted((await read_directory(tx)).people)


async def test_a_file_converges(house: House) -> None:
    assert await house.people() == (6, 0, 0, 0)
    assert await house.people() == (0, 0, 0, 6)
    changed = PEOPLE.replace("name: Anna", "name: Anna Weber").replace("  owner: {order: 2, owner: true}\n", "")
    assert await house.people(changed) == (0, 1, 1, 4)
    assert await house.people("") == (0, 0, 5, 0)


async def test_a_file_leaves_alone_what_came_over_http_and_takes_over_what_it_names(small: House) -> None:
    assert await put(small, "cy") is Kept.CREATED
    assert await put(small, "anna", name="Old") is Kept.CREATED
    await small.people()
    assert await names(small) == ["anna", "bo", "cy"]
    assert await put(small, "anna", name="New") is Kept.OF_FILE
    assert await remove(small, "anna") is Kept.OF_FILE
    await small.people("")
    assert await names(small) == ["cy"]


async def test_versions_guard_changes(small: House) -> None:
    assert await put(small, "cy", '"1"') is Kept.OTHER_VERSION
    assert await put(small, "cy", name="Cy") is Kept.CREATED
    assert await put(small, "cy", name="Cy") is Kept.UNCHANGED
    assert await put(small, "cy", '"2"', name="Cyd") is Kept.OTHER_VERSION
    assert await put(small, "cy", '"1"', name="Cyd") is Kept.CHANGED
    assert await remove(small, "cy", '"1"') is Kept.OTHER_VERSION
    assert await remove(small, "cy", "*") is Kept.REMOVED
    assert await remove(small, "cy") is Kept.UNKNOWN


async def test_the_file_is_applied_at_start_and_a_wrong_one_changes_nothing(small: House, tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    house = small.other("me", people_file=file)
    gauge = metrics.PROVISIONING_FAILED._value
    await house.housekeeping().provision()
    assert gauge.get() == 1, "it is not there"
    file.write_text(PEOPLE)
    await house.housekeeping().provision()
    assert gauge.get() == 0
    file.write_text(PEOPLE + "  wrong: {}\n")
    await house.housekeeping().provision()
    assert gauge.get() == 1
    assert await names(house) == ["anna", "bo"]


@pytest.mark.parametrize("text", ["", PEOPLE])
async def test_two_processes_apply_a_file_at_once(house: House, text: str) -> None:
    import asyncio

    await asyncio.gather(house.people(text), house.other().people(text))
    assert await names(house) == (["anna", "bo"] if text else [])
