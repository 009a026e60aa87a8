"""The asynchronous half of the package."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from typing import Any, Coroutine

import spook
import spook.aio
from support import LONG, Test


class NoReaders(asyncio.SelectorEventLoop):
    """A loop as on Windows, that cannot poll descriptors."""

    def add_reader(self, *arguments: object) -> None:
        raise NotImplementedError

    def remove_reader(self, *arguments: object) -> bool:
        raise NotImplementedError


class Asyncio(Test):
    loop_class: Any = asyncio.SelectorEventLoop

    def run_in_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        loop = self.loop_class()
        try:
            return loop.run_until_complete(asyncio.wait_for(work, LONG))
        finally:
            loop.close()

    def test_changes_come_while_the_loop_does_other_things(self) -> None:
        here, there = self.two()

        async def work() -> None:
            seen: list[Any] = []

            async def watch() -> None:
                async for change in here.observe("/n"):
                    seen.append(change.value)
                    if change.value == 9:
                        return

            watcher = asyncio.ensure_future(watch())
            for number in range(10):
                await asyncio.sleep(0.002)
                there.write_state("/n", number)
            await watcher
            self.assertEqual(seen, list(range(10)))

        self.run_in_loop(work())

    def test_many_iterators_in_one_loop(self) -> None:
        pair = self.pair()

        async def work() -> None:
            async def first(changes: spook.Subscription) -> Any:
                async for change in changes:
                    return change.value

            shared = pair.observe()
            each = [asyncio.ensure_future(first(pair.observe())) for _ in range(100)]
            both = [asyncio.ensure_future(first(shared)) for _ in range(2)]
            await asyncio.sleep(0.02)
            pair.write_state("/a", 1)
            self.assertEqual(await asyncio.gather(*each), [1] * 100)
            pair.write_state("/a", 2)
            self.assertEqual(sorted(await asyncio.gather(*both)), [1, 2])

        self.run_in_loop(work())

    def test_tasks_that_share_an_iterator_take_turns(self) -> None:
        pair = self.pair()

        async def work() -> None:
            changes = pair.observe().__aiter__()
            tasks = [asyncio.ensure_future(changes.__anext__()) for _ in range(3)]
            await asyncio.sleep(0.02)
            for number in range(3):
                pair.write_state("/n", number)
            self.assertEqual(sorted(change.value for change in await asyncio.gather(*tasks)), [0, 1, 2])

        self.run_in_loop(work())

    def test_it_ends_with_the_subscription(self) -> None:
        pair = self.pair()

        async def work() -> None:
            async with pair.observe() as changes:
                taken = asyncio.ensure_future(self.all_of(changes))
                pair.write_state("/a", 1)
                await asyncio.sleep(0.02)
            self.assertEqual(len(await taken), 1)
            self.assertTrue(changes.closed)
            self.assertEqual(await self.all_of(changes), [])

        self.run_in_loop(work())

    @staticmethod
    async def all_of(changes: spook.Subscription) -> list[Any]:
        return [change async for change in changes]

    def test_a_cancelled_wait_loses_nothing(self) -> None:
        pair = self.pair()

        async def work() -> None:
            changes, seen = pair.observe().__aiter__(), []
            for number in range(20):
                wait = asyncio.ensure_future(changes.__anext__())
                await asyncio.sleep(0)
                await asyncio.sleep(0.001 * (number % 3))
                wait.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    seen.append(await wait)
                pair.write_state("/n", number)
            while len(seen) < 20:
                seen.append(await changes.__anext__())
            self.assertEqual([change.value for change in seen], list(range(20)))

        self.run_in_loop(work())

    def test_descriptors_are_given_back(self) -> None:
        if not os.path.isdir("/proc/self/fd"):
            self.skipTest("no /proc")
        pair = self.pair()

        async def work() -> int:
            for _ in range(50):
                wait = asyncio.ensure_future(pair.observe().__aiter__().__anext__())
                await asyncio.sleep(0)
                pair.write_state("/n", 1)
                await wait
            return len(os.listdir("/proc/self/fd"))

        first = self.run_in_loop(work())
        gc.collect()
        self.assertLessEqual(self.run_in_loop(work()), first + 4)


class WithoutReaders(Asyncio):
    loop_class = NoReaders


class Calls(Test):
    def test_calls_that_wait_are_coroutines(self) -> None:
        async def work() -> None:
            address = f"mem:python-aio-{os.getpid()}"
            async with spook.aio.open(listen=[address]) as home, spook.aio.open(listen=[]) as phone:
                pair = await home.aio.create_pair("pair", {"a": 1})
                empty = await home.aio.create_pair("empty", durability="memory")
                self.assertEqual(empty.read_state(), {})
                other = await phone.aio.open_pair(await pair.aio.ticket())
                self.assertEqual(other.read_state("/a"), 1)
                await other.aio.write_state("/a", 2)
                await other.aio.write_state([("/b", 1), ("/c", 1)])
                await other.aio.delete_state("/c")
                # The other half settles, too, once it knows that this one has.
                self.assertTrue((await other.aio.collapse(timeout=LONG, settled=True)).settled)
                self.assertEqual(pair.read_state(), {"a": 2, "b": 1})
                await home.aio.flush()
                await pair.aio.close()
                with self.assertRaises(spook.Closed):
                    pair.read_state()
            with self.assertRaises(spook.Closed):
                other.read_state()
            node = await spook.aio.open()
            async with node as same:
                self.assertIs(same, node)
            await node.aio.close()
            with self.assertRaises(spook.Address):
                await spook.aio.open("tcp:127.0.0.1:1")

        asyncio.run(asyncio.wait_for(work(), LONG))

    def test_the_loop_goes_on_while_a_call_waits(self) -> None:
        home = self.open(listen=f"mem:python-aio-wait-{os.getpid()}")
        ticket = home.create_pair("pair").ticket()
        home.close()

        async def work() -> int:
            node = self.open()
            ticks = 0
            call = asyncio.ensure_future(node.aio.open_pair(ticket, timeout=0.3))
            while not call.done():
                await asyncio.sleep(0.01)
                ticks += 1
            with self.assertRaises(spook.Unreachable):
                await call
            return ticks

        self.assertGreater(asyncio.run(work()), 5)

    def test_more_calls_can_wait_than_an_executor_has_threads(self) -> None:
        _, there = self.two()

        async def work() -> None:
            waits = [asyncio.ensure_future(there.aio.collapse(timeout=0.5, settled=True)) for _ in range(100)]
            await asyncio.sleep(0.1)
            begin = asyncio.get_running_loop().time()
            await there.aio.collapse()
            self.assertLess(asyncio.get_running_loop().time() - begin, 0.4)
            self.assertEqual({found.settled for found in await asyncio.gather(*waits)}, {False})

        # What is written now does not settle any more.
        self.home.close()
        there.write_state("/a", 1)
        asyncio.run(work())
