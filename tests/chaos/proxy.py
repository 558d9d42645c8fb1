"""A TCP proxy between two parts of the system, which can be slow, cut the line, or let answers get lost.

It listens on a loopback port that stays the same; what it leads to may be away, start anew, or not be there yet.
"""

import asyncio
import contextlib
from enum import StrEnum

_CHUNK = 64 * 1024
_CONNECT_TIMEOUT_S = 5.0


class Weather(StrEnum):
    """What the way is like."""

    CLEAR = "clear"
    SLOW = "slow"
    """Every piece takes `delay_s`, there and back."""
    CUT = "cut"
    """All connections are broken, new ones too."""
    DEAF = "deaf"
    """What is asked arrives, what is answered is lost; when the weather changes those connections are broken."""


class Proxy:
    """One listening port and where it leads."""

    def __init__(self, name: str, port: int) -> None:
        """`port` is where connections are taken on to, on loopback."""
        self.name = name
        self.weather = Weather.CLEAR
        self.delay_s = 0.0
        self.port = 0
        self._target = port
        self._server: asyncio.Server | None = None
        self._lines: dict[asyncio.Task[None], _Line] = {}

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, limit=_CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    def change(self, weather: Weather, delay_s: float = 0.0) -> None:
        """Change the weather for all connections, those that stand included."""
        before, self.weather, self.delay_s = self.weather, weather, delay_s
        for line in list(self._lines.values()):
            if weather is Weather.CUT or before is Weather.DEAF:
                line.break_off()

    async def close(self) -> None:
        """Listen no more, and break off what stands."""
        if self._server is not None:
            self._server.close()
        for task in list(self._lines):
            task.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = _Line(self, writer)
        task = asyncio.current_task()
        assert task is not None
        self._lines[task] = line
        try:
            # A cancelled task would be reported by asyncio's server, and nothing is wrong with it.
            with contextlib.suppress(asyncio.CancelledError, OSError, TimeoutError):
                if self.weather is not Weather.CUT:
                    async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                        there = await asyncio.open_connection("127.0.0.1", self._target, limit=_CHUNK)
                    await line.carry(reader, *there)
        finally:
            del self._lines[task]
            line.break_off()


class _Line:
    """One connection, both ways."""

    def __init__(self, proxy: Proxy, near: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._writers = [near]
        self.lost = False
        """An answer got lost on it: what would come next makes no sense to who asks."""

    def break_off(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def carry(self, near: asyncio.StreamReader, far: asyncio.StreamReader, to_far: asyncio.StreamWriter) -> None:
        """Carry both directions until both have ended, or one breaks."""
        [to_near] = self._writers
        self._writers.append(to_far)
        async with asyncio.TaskGroup() as ways:
            ways.create_task(self._carry_one(near, to_far, answers=False))
            ways.create_task(self._carry_one(far, to_near, answers=True))

    async def _carry_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        proxy = self._proxy
        try:
            while data := await reader.read(_CHUNK):
                if proxy.weather is Weather.SLOW:
                    await asyncio.sleep(proxy.delay_s)
                if answers and (self.lost or proxy.weather is Weather.DEAF):
                    self.lost = True
                    continue
                writer.write(data)
                await writer.drain()
            if not self.lost and writer.can_write_eof():
                writer.write_eof()
        except OSError:
            self.break_off()
