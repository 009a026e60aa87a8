"""spook for asyncio.

    import spook.aio

    async def main():
        async with spook.aio.open("phone.spook") as node:
            pair = await node.aio.open_pair(ticket)
            pair.write_state("/target", 22.0)
            await pair.aio.collapse(timeout=5, settled=True)
            async for change in pair.observe("/target"):
                print(change)

Node and Pair are the same as without asyncio. What returns at once (read_state, write_state, observe, lifecycle) is called as ever; what can
wait for the network or the disk has a coroutine of the same name and arguments under `.aio`. A write waits for the disk only in a Pair
made with durability="sync", and for the other side only in a strong Pair or if it is told to wait: `await pair.aio.write_state(...)` is for those.
What became of any write is to be had by `await candidate`.

A coroutine runs its call in a thread of its own. When it is cancelled, the call goes on to its own end or timeout, and what it gives is
dropped.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Callable, Generator, Literal, TypeVar

from . import _spook

if TYPE_CHECKING:
    from ._spook import Candidate, Node, Pair, _Consistency, _Durability, _Expect, _Location, _Operations, _Rules, _Seconds, _Wait
    from ._types import Collapse, Status, Value

__all__ = ["AsyncCandidate", "AsyncNode", "AsyncPair", "open"]

_T = TypeVar("_T")

#: How long one call of AsyncCandidate.wait waits, in seconds.
_SLICE = 5.0


async def _run(call: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    """Runs a call in a daemon thread. Not in the loop's executor: a few long waits would fill that, and its threads hold up the exit."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def finish(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def work() -> None:
        result, failed = None, None
        try:
            result = call(*args, **kwargs)
        except BaseException as error:
            failed = error
        try:
            loop.call_soon_threadsafe(finish, result, failed)
        except RuntimeError:
            pass  # The loop was closed; nobody waits.

    threading.Thread(target=work, name="spook-aio", daemon=True).start()
    return await future


class _Opening:
    """What spook.aio.open gives: to be awaited, or entered with `async with`."""

    def __init__(self, opening: Callable[[], Node]) -> None:
        self._open = opening
        self._node: Node | None = None

    def __await__(self) -> Generator[Any, None, Node]:
        return _run(self._open).__await__()

    async def __aenter__(self) -> Node:
        self._node = await self
        return self._node

    async def __aexit__(self, *_error: object) -> None:
        if self._node is not None:
            await _run(self._node.close)


def open(
    location: _Location = "",
    *,
    key: bytes | bytearray | memoryview | None = None,
    listen: str | list[str] | tuple[str, ...] | None = None,
    heartbeat_timeout: _Seconds | None = None,
) -> _Opening:
    """As spook.open: `node = await spook.aio.open(...)`, or `async with spook.aio.open(...) as node`."""
    return _Opening(functools.partial(_spook.open, location, key=key, listen=listen, heartbeat_timeout=heartbeat_timeout))


class AsyncNode:
    """The calls of a Node that can wait, as coroutines: `node.aio`."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def create_pair(
        self,
        name: str,
        *initial: Value,
        schema: _Rules | None = None,
        durability: _Durability = "batched",
        write_timeout: _Seconds | None = None,
        rules: _Rules | None = None,
        consistency: _Consistency | None = None,
        anchor: Literal["creator", "opener"] | None = None,
        guards: bool | None = None,
        pending: int | None = None,
        registers: _Rules | None = None,
        collapse: Literal["lazy", "eager"] | None = None,
    ) -> Pair:
        """As Node.create_pair."""
        fields: dict[str, Any] = {"rules": rules, "consistency": consistency, "anchor": anchor, "guards": guards, "pending": pending}
        fields.update(registers=registers, collapse=collapse, write_timeout=write_timeout)
        return await _run(self._node.create_pair, name, *initial, schema=schema, durability=durability, **fields)

    async def open_pair(self, ticket_or_name: str, timeout: _Seconds | None = 10.0) -> Pair:
        """As Node.open_pair."""
        return await _run(self._node.open_pair, ticket_or_name, timeout)

    async def flush(self) -> None:
        """As Node.flush."""
        await _run(self._node.flush)

    async def close(self) -> None:
        """As Node.close."""
        await _run(self._node.close)


class AsyncPair:
    """The calls of a Pair that can wait, as coroutines: `pair.aio`."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    async def ticket(self, expires_in: _Seconds | None = None) -> str:
        """As Pair.ticket."""
        return await _run(self._pair.ticket, expires_in)

    async def write_state(self, path: str | _Operations, *value: Any, expect: _Expect | None = None, wait: _Wait = None) -> Candidate:
        """As Pair.write_state, for a write that waits."""
        return await _run(self._pair.write_state, path, *value, expect=expect, wait=wait)

    async def delete_state(self, path: str, *, expect: _Expect | None = None, wait: _Wait = None) -> Candidate:
        """As Pair.delete_state, for a write that waits."""
        return await _run(self._pair.delete_state, path, expect=expect, wait=wait)

    async def collapse(self, timeout: _Seconds | None = 0, settled: bool = False) -> Collapse:
        """As Pair.collapse."""
        return await _run(self._pair.collapse, timeout, settled)

    async def close(self) -> None:
        """As Pair.close."""
        await _run(self._pair.close)


class AsyncCandidate:
    """The calls of a Candidate that can wait, as coroutines: `candidate.aio`. `await candidate` waits without limit."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate

    async def wait(self, timeout: _Seconds | None = None) -> Status:
        """As Candidate.wait."""
        left = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        # In slices: a task that is cancelled leaves no call behind that waits for ever.
        while left is None or left > _SLICE:
            status = await _run(self._candidate.wait, _SLICE)
            if status.state != "tentative":
                return status
            left = None if left is None else left - _SLICE
        return await _run(self._candidate.wait, left)

    async def revert(self, *, wait: _Wait = None) -> Candidate:
        """As Candidate.revert."""
        return await _run(self._candidate.revert, wait=wait)


async def _enter(handle: _T) -> _T:
    return handle


async def _exit(handle: Any) -> None:
    await _run(handle.close)
