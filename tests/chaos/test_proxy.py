"""The proxy on real sockets: it carries, is slow, cuts, and loses answers but not what was asked."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.chaos.proxy import Proxy, Weather


class Echo:
    """Answers each line with itself, and keeps what it was asked."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.come = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self.heard.append(line)
                self.come.set()
                writer.write(line)
        writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, Proxy]]:
    there = Echo()
    server = await asyncio.start_server(there.answer, "127.0.0.1", 0, limit=1_000_000)
    proxy = Proxy("echo", server.sockets[0].getsockname()[1])
    await proxy.start()
    yield there, proxy
    await proxy.close()
    server.close()
    await server.wait_closed()


async def connect(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Tell whether the other side ended the connection, in order or not."""
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


async def test_it_carries_both_ways_to_the_end(echo: tuple[Echo, Proxy]) -> None:
    there, proxy = echo
    reader, writer = await connect(proxy)
    writer.write(b"one\n" + b"x" * 300_000 + b"\n")
    writer.write_eof()
    assert await reader.read() == b"one\n" + b"x" * 300_000 + b"\n"
    assert len(there.heard) == 2
    writer.close()


async def test_slow_it_carries_the_same_later(echo: tuple[Echo, Proxy]) -> None:
    _, proxy = echo
    proxy.change(Weather.SLOW, 0.05)
    reader, writer = await connect(proxy)
    began = asyncio.get_running_loop().time()
    writer.write(b"one\n")
    assert await reader.readline() == b"one\n"
    assert asyncio.get_running_loop().time() - began >= 0.1
    writer.close()


async def test_cut_it_breaks_what_stands_and_what_comes_until_it_is_clear(echo: tuple[Echo, Proxy]) -> None:
    _, proxy = echo
    reader, writer = await connect(proxy)
    writer.write(b"one\n")
    assert await reader.readline() == b"one\n"
    proxy.change(Weather.CUT)
    assert await ended(reader)
    again, second = await connect(proxy)
    assert await ended(again)
    proxy.change(Weather.CLEAR)
    third, last = await connect(proxy)
    last.write(b"two\n")
    assert await third.readline() == b"two\n"
    for one in (writer, second, last):
        one.close()


async def test_deaf_it_loses_the_answer_but_not_the_question(echo: tuple[Echo, Proxy]) -> None:
    there, proxy = echo
    reader, writer = await connect(proxy)
    proxy.change(Weather.DEAF)
    writer.write(b"one\n")
    await there.come.wait()
    assert there.heard == [b"one\n"]
    proxy.change(Weather.CLEAR)
    assert await ended(reader), "what would come after a lost answer must not be taken for it"
    writer.close()


async def test_nobody_behind_it_is_a_broken_connection(unused_tcp_port: int) -> None:
    proxy = Proxy("nobody", unused_tcp_port)
    await proxy.start()
    reader, writer = await connect(proxy)
    assert await ended(reader)
    writer.close()
    await proxy.close()
