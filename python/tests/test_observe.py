"""The contract of observers, a sentence each: by iterator and by callback."""

from __future__ import annotations

import contextlib
import gc
import select
import sys
import threading
import weakref
from typing import Any, Iterator

import spook
from support import LONG, Test


@contextlib.contextmanager
def unraisable() -> Iterator[list[Any]]:
    """What goes to sys.unraisablehook."""
    seen: list[Any] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda args: seen.append((args.exc_type, str(args.exc_value), args.object))
    try:
        yield seen
    finally:
        sys.unraisablehook = before


class Iterating(Test):
    def test_changes_come_in_order_with_all_that_is_known_of_them(self) -> None:
        here, there = self.two({"target": 21.5})
        with here.observe("/target") as changes:
            candidate = there.write_state("/target", 22.0)
            change = next(changes)
            self.assertEqual((change.kind, change.path, change.value, change.deleted), ("change", "/target", 22.0, False))
            self.assertTrue(candidate.dot.startswith(change.origin))
            self.assertNotEqual(change.origin, here.write_state("/x", 1).dot[: len(change.origin)])
            self.assertEqual(str(change.state), f"{change.state.count}:{change.state.digest}")
            here.delete_state("/target")
            change = next(changes)
            self.assertEqual((change.value, change.deleted), (None, True))
            here.write_state("/target", None)
            change = next(changes)
            self.assertEqual((change.value, change.deleted), (None, False))

    def test_seq_grows_and_the_change_can_be_read(self) -> None:
        pair = self.pair()
        with pair.observe() as changes:
            for number in range(500):
                pair.write_state("/n", number)
            last = 0
            for number in range(500):
                change = next(changes)
                self.assertGreater(change.seq, last)
                last = change.seq
                self.assertGreaterEqual(pair.read_state("/n"), change.value)

    def test_a_prefix_covers_what_is_below_it(self) -> None:
        pair = self.pair()
        changes = pair.observe("/a")
        for path in ("/ab", "/a/b", "/b", "/a/c"):
            pair.write_state(path, 1)
        self.assertEqual([change.path for change in iter(changes.try_next, None)], ["/a/b", "/a/c"])

    def test_it_ends_when_closed_and_with_its_handle_and_with_its_node(self) -> None:
        node = self.open()
        for close in (lambda pair, changes: changes.close(), lambda pair, changes: pair.close(), lambda pair, changes: node.close()):
            pair = node.create_pair(f"pair {close.__code__.co_firstlineno} {id(close)}")
            changes = pair.observe()
            seen: list[Any] = []
            thread = threading.Thread(target=lambda: seen.extend(changes))
            thread.start()
            pair.write_state("/a", 1)
            self.wait_until(lambda: seen)
            close(pair, changes)
            thread.join(LONG)
            self.assertFalse(thread.is_alive())
            self.assertTrue(changes.closed)
            self.assertIsNone(changes.next())

    def test_each_change_goes_to_one_of_several_threads(self) -> None:
        pair = self.pair()
        changes = pair.observe()
        seen: list[Any] = []
        threads = [threading.Thread(target=lambda: [seen.append(change.value) for change in changes]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(200):
            pair.write_state("/n", number)
        self.wait_until(lambda: len(seen) == 200)
        changes.close()
        for thread in threads:
            thread.join(LONG)
        self.assertEqual(sorted(seen), list(range(200)))

    def test_a_slow_observer_gets_a_gap_and_the_newest_value(self) -> None:
        pair = self.pair()
        changes = pair.observe(capacity=16)
        for number in range(10_000):
            pair.write_state(f"/n{number % 3}", number)
        seen = list(iter(changes.try_next, None))
        self.assertLessEqual(len(seen), 17)
        gaps = [notice for notice in seen if notice.kind == "gap"]
        self.assertTrue(gaps)
        for gap in gaps:
            self.assertIsInstance(gap, spook.Gap)
            self.assertLessEqual(gap.from_seq, gap.to_seq)
        newest = {notice.path: notice.value for notice in seen if notice.kind == "change"}
        for path, value in newest.items():
            self.assertEqual(pair.read_state(path), value)

    def test_transitions_for_those_who_ask(self) -> None:
        here, there = self.two()
        steps, changes = there.observe(lifecycle=True), there.observe()
        there.write_state("/a", 1)
        here.collapse(LONG, settled=True)
        there.collapse(LONG, settled=True)
        kinds = [notice for notice in iter(steps.try_next, None) if notice.kind == "transition"]
        self.assertTrue(any(step.after.pending == "local" for step in kinds), kinds)
        self.assertEqual({type(step.before) for step in kinds}, {spook.Lifecycle})
        self.assertEqual({notice.kind for notice in iter(changes.try_next, None)}, {"change"})

    def test_the_descriptor_is_readable_while_something_waits(self) -> None:
        pair = self.pair()
        changes = pair.observe()

        def readable() -> bool:
            return bool(select.select([changes], [], [], 0)[0])

        self.assertFalse(readable())
        pair.write_state("/a", 1)
        self.assertTrue(readable())
        self.assertEqual(changes.try_next().value, 1)
        self.assertFalse(readable())
        changes.close()
        self.assertTrue(readable())


class Callbacks(Test):
    def test_each_change_once_and_in_order(self) -> None:
        here, there = self.two()
        seen: list[Any] = []
        subscription = here.observe("/n", callback=seen.append, capacity=5000)
        for number in range(1000):
            there.write_state("/n", number)
        self.wait_until(lambda: seen and seen[-1].value == 999)
        values = [change.value for change in seen]
        self.assertEqual(values, sorted(values))
        subscription.close()
        self.assertTrue(subscription.closed)

    def test_after_close_no_call_starts_and_the_callback_is_let_go_of(self) -> None:
        class Callback:
            calls = 0

            def __call__(self, change: spook.Notice) -> None:
                self.calls += 1

        pair = self.pair()
        callback = Callback()
        subscription = pair.observe(callback=callback)
        for number in range(100):
            pair.write_state("/n", number)
        subscription.close()
        calls = callback.calls
        pair.write_state("/n", -1)
        self.assertEqual(callback.calls, calls)
        gone = weakref.ref(callback)
        del callback
        gc.collect()
        self.assertIsNone(gone())

    def test_close_waits_for_the_running_call(self) -> None:
        pair = self.pair()
        begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

        def slow(change: spook.Notice) -> None:
            begun.set()
            go_on.wait(LONG)
            ended.set()

        subscription = pair.observe(callback=slow)
        pair.write_state("/a", 1)
        self.assertTrue(begun.wait(LONG))
        threading.Timer(0.05, go_on.set).start()
        subscription.close()
        self.assertTrue(ended.is_set())

    def test_all_six_calls_inside_an_observer(self) -> None:
        node = self.open(listen=f"mem:python-inside-{id(self)}")
        pair = node.create_pair("pair", {"n": 0})
        guest = node.create_pair("guest", {})
        ticket, other = guest.ticket(), self.open()
        results: list[Any] = []

        def inside(change: spook.Notice) -> None:
            if change.value >= 5:
                return
            pair.write_state("/n", change.value + 1)
            results.append(pair.read_state("/n"))
            results.append(pair.collapse().settled)
            with pair.observe("/n") as changes:
                results.append(changes.try_next())
            results.append(node.create_pair(f"inside {change.value}").read_state())
            results.append(node.open_pair("pair").read_state("/n"))
            if change.value == 1:
                results.append(other.open_pair(ticket).read_state())

        subscription = pair.observe("/n", callback=inside)
        with unraisable() as errors:
            pair.write_state("/n", 1)
            self.wait_until(lambda: len(results) >= 21)
            self.assertEqual(errors, [])
        self.assertEqual(pair.read_state("/n"), 5)
        subscription.close()

    def test_everything_can_be_closed_inside_an_observer(self) -> None:
        for close in ("subscription", "pair", "node"):
            node = self.open()
            pair = node.create_pair("pair")
            done = threading.Event()
            handles = {"pair": pair, "node": node}

            def inside(change: spook.Notice) -> None:
                handles[close].close()
                handles[close].close()
                done.set()

            handles["subscription"] = pair.observe(callback=inside)
            pair.write_state("/a", 1)
            self.assertTrue(done.wait(LONG), close)
            handles["subscription"].close()

    def test_closing_with_calls_in_the_queue_hangs_nobody(self) -> None:
        """The one who closes waits for the observer, which waits for the interpreter, which the one who closes must not hold."""
        for close in ("subscription", "pair", "node"):
            node = self.open()
            handles = {"node": node, "pair": node.create_pair("pair")}

            def broken(change: spook.Notice) -> None:
                raise RuntimeError

            with unraisable() as errors:
                handles["subscription"] = handles["pair"].observe(callback=broken)
                for number in range(200):
                    handles["pair"].write_state(f"/{number}", number)
                handles[close].close()
                known = len(errors)
                self.assertEqual({error[0] for error in errors}, {RuntimeError} if known else set())
                self.assertEqual(len(errors), known)

    def test_the_last_handle_may_be_let_go_of_inside_an_observer(self) -> None:
        done = threading.Event()
        handles = {}

        def inside(change: spook.Notice) -> None:
            handles["subscription"].close()
            handles.clear()
            gc.collect()
            done.set()

        node = spook.open(listen=[])
        pair = node.create_pair("pair")
        handles.update(node=node, pair=pair, subscription=pair.observe(callback=inside))
        del node
        pair.write_state("/a", 1)
        del pair
        self.assertTrue(done.wait(LONG))

    def test_an_observer_that_raises_is_reported_and_all_go_on(self) -> None:
        pair = self.pair()
        seen: list[Any] = []

        def broken(change: spook.Notice) -> None:
            raise RuntimeError(f"no to {change.value}")

        with unraisable() as errors:
            subscriptions = [pair.observe(callback=broken), pair.observe(callback=seen.append)]
            for number in range(3):
                pair.write_state("/n", number)
            self.wait_until(lambda: len(seen) == 3 and len(errors) == 3)
            for subscription in subscriptions:
                subscription.close()
        self.assertEqual([error[:2] for error in errors], [(RuntimeError, f"no to {number}") for number in range(3)])
        self.assertIs(errors[0][2], broken)

    def test_it_lives_until_it_is_closed_not_until_it_is_collected(self) -> None:
        pair = self.pair()
        seen: list[Any] = []
        pair.observe(callback=seen.append)
        gc.collect()
        pair.write_state("/a", 1)
        self.wait_until(lambda: len(seen) == 1)
        pair.close()

    def test_it_outlives_the_handles_of_its_pair_and_node(self) -> None:
        here, there = self.two()
        node = self.open(listen=f"mem:python-outlive-{id(self)}")
        seen: list[Any] = []
        pair = node.create_pair("pair")
        other = self.open().open_pair(pair.ticket(), LONG)
        pair.observe(callback=seen.append)
        del pair, here, there
        gc.collect()
        other.write_state("/a", 1)
        self.wait_until(lambda: len(seen) == 1)

    def test_it_is_not_iterated(self) -> None:
        subscription = self.pair().observe(callback=print)
        for take in (subscription.next, subscription.try_next, lambda: list(subscription), subscription.fileno, lambda: subscription.__aiter__()):
            with self.assertRaises(spook.Invalid):
                take()
        subscription.close()

    def test_a_slow_observer_slows_no_writer(self) -> None:
        pair = self.pair()
        release, seen = threading.Event(), []

        def slow(change: spook.Notice) -> None:
            release.wait(LONG)
            seen.append(change)

        subscription = pair.observe(callback=slow, capacity=8)
        for number in range(10_000):
            pair.write_state("/n", number)
        release.set()
        self.wait_until(lambda: seen and getattr(seen[-1], "value", None) == 9_999)
        self.assertIn("gap", {notice.kind for notice in seen})
        self.assertLess(len(seen), 20)
        subscription.close()
