"""Pages in a real browser: the application on loopback, a phone's window, checks that every page passes."""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.async_playwright import Axe
from fastapi import FastAPI
from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = shutil.which("chromium")
PHONE_WIDTH = 360
TAP_TARGET_MIN = 44
"""Pixels of a target for a finger, at least (WCAG 2.5.5)."""


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handling, which tells when its port answers."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, lifespan="off", log_config=None))
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served_on_loopback(app: FastAPI) -> AsyncIterator[str]:
    """Serve an application on a free port of this machine; yields its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = _Server(app)
        serving = asyncio.create_task(server.serve([listening]))
        try:
            await server.answers.wait()
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@contextlib.asynccontextmanager
async def phone(language: str = "en") -> AsyncIterator[Page]:
    """A phone-sized window without scripts, whose reader prefers a language; what goes wrong inside fails the test."""
    if CHROMIUM is None:
        pytest.skip("Chromium is missing: run deploy/dev/debian-packages")
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(
            viewport={"width": PHONE_WIDTH, "height": 740}, device_scale_factor=2, locale=language, has_touch=True
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        yield page
        await browser.close()


async def check_page(page: Page, picture: Path) -> None:
    """A page fits the screen, asks for nothing else, has no script, is accessible, and its targets fit a finger."""
    await page.screenshot(path=picture, full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
    assert await page.locator("script, link[rel=stylesheet], img, iframe").count() == 0
    for target in await page.locator("label:has(input), button, select, textarea").all():
        box = await target.bounding_box()
        assert box is not None
        assert box["height"] >= TAP_TARGET_MIN, await target.inner_text()
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
