"""Requests that are cancelled while a server keeps them waiting."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.processes.servers import Victim

MOMENTS = (0, 0.001, 0.01, 0.05, 0.1)
"""Seconds after which somebody is cancelled: before anything is sent, and while the answer is awaited."""


async def cancelled(
    victim: Victim, verb: Callable[[], Coroutine[Any, Any, Any]], then: Callable[[], Any]
) -> None:
    """Cancel ``verb`` at each of the moments while ``victim`` hangs, and await ``then`` after each."""
    count = 0
    for wait in MOMENTS:
        with victim.hanging():
            task = asyncio.create_task(verb())
            await asyncio.sleep(wait)
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        count += task.cancelled()
        await then()
    assert count
