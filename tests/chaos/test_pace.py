"""The clock of a run goes with the true one, and stands still while it is held."""

import asyncio

from tests.chaos.pace import Pace


async def test_it_goes_and_stands_still_while_it_is_held() -> None:
    pace = Pace()
    async with pace.going():
        await pace.until(0.1)
        assert pace.elapsed_s >= 0.1
        with pace.held():
            stood, waiting = pace.elapsed_s, asyncio.create_task(pace.rest(0.01))
            done, _ = await asyncio.wait([waiting], timeout=0.3)
            assert not done
            assert pace.elapsed_s == stood
        await waiting
        assert pace.elapsed_s > stood
