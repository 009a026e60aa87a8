"""The asynchronous iterator over a subscription."""

from __future__ import annotations

import asyncio
import collections
import os
import threading
import weakref
from typing import TYPE_CHECKING

from ._errors import Timeout

if TYPE_CHECKING:
    from ._spook import Subscription
    from ._types import Notice

#: How long the thread of a _Watch waits before it looks whether it is still wanted, in seconds.
_SLICE = 0.1


class Changes:
    """Waits for changes in an event loop: through the descriptor of the subscription where the loop can poll it, else in a thread."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        # Tasks that share this iterator wait one after the other.
        self._turn: asyncio.Lock | None = None
        self._bell: _Bell | None = None
        self._watch: _Watch | None = None

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> Notice:
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            while True:
                # Asked for before the last look: nothing comes after it.
                ended = self._subscription.closed
                notice = self._watch.take() if self._watch else self._subscription.try_next()
                if notice is not None:
                    return notice
                if ended and not (self._watch and self._watch.is_busy()):
                    self._bell = None
                    raise StopAsyncIteration
                await self._ready()

    async def _ready(self) -> None:
        """Waits until there may be something to take."""
        loop = asyncio.get_running_loop()
        if self._bell is None and self._watch is None:
            self._bell = _Bell.of(self._subscription, loop)
            if self._bell is None:
                self._watch = _Watch(self._subscription)
        waiter: _Bell | _Watch | None = self._bell or self._watch
        assert waiter is not None
        await waiter.wait(loop)


class _Bell:
    """The descriptor of a subscription. It is a duplicate: a loop knows one reader for each, and several iterators may share a subscription."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @staticmethod
    def of(subscription: Subscription, loop: asyncio.AbstractEventLoop) -> _Bell | None:
        """None where there are no descriptors, or the loop cannot poll them, as on Windows."""
        if os.name != "posix":
            return None
        bell = _Bell(os.dup(subscription.fileno()))
        try:
            loop.add_reader(bell._descriptor, int)
            loop.remove_reader(bell._descriptor)
        except NotImplementedError:
            return None
        return bell

    async def wait(self, loop: asyncio.AbstractEventLoop) -> None:
        future: asyncio.Future[None] = loop.create_future()

        def ring() -> None:
            if not future.done():
                future.set_result(None)

        loop.add_reader(self._descriptor, ring)
        try:
            await future
        finally:
            loop.remove_reader(self._descriptor)

    def __del__(self) -> None:
        os.close(self._descriptor)


class _Watch:
    """Takes one change at a time in a thread. What it took while its task was cancelled is the next to be taken."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._taken: collections.deque[Notice] = collections.deque()
        self._busy: asyncio.Future[None] | None = None

    def is_busy(self) -> bool:
        return self._busy is not None and not self._busy.done()

    def take(self) -> Notice | None:
        if self._taken:
            return self._taken.popleft()
        return None if self.is_busy() else self._subscription.try_next()

    async def wait(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._busy is None or self._busy.done():
            self._busy = loop.create_future()
            job = (weakref.ref(self), self._busy, loop)
            threading.Thread(target=_Watch._work, args=job, name="spook-changes", daemon=True).start()
        # A cancelled task lets go of the future; the thread goes on for the next one.
        await asyncio.shield(self._busy)

    @staticmethod
    def _work(reference: weakref.ref[_Watch], future: asyncio.Future[None], loop: asyncio.AbstractEventLoop) -> None:
        def finish(error: BaseException | None) -> None:
            if not future.done():
                future.set_exception(error) if error else future.set_result(None)

        failed: BaseException | None = None
        # The reference is weak, so that an iterator that was let go of ends with its thread.
        while True:
            watch = reference()
            if watch is None:
                return
            try:
                notice = watch._subscription.next(_SLICE)
                if notice is not None:
                    watch._taken.append(notice)
                break
            except Timeout:
                del watch
            except BaseException as error:
                failed = error
                break
        try:
            loop.call_soon_threadsafe(finish, failed)
        except RuntimeError:
            pass  # The loop was closed; nobody waits.
