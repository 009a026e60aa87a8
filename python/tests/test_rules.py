"""Rules of the application: functions of Python that decide between candidates."""

from __future__ import annotations

import threading
import time
from typing import Any

import spook
from support import LONG, Test


def longest(path: str, candidates: list[spook.RuleCandidate]) -> Any:
    return max((candidate.value for candidate in candidates if not candidate.deleted), key=len)


class Functions(Test):
    def conflict(self, function: Any, **options: Any) -> tuple[spook.Pair, spook.Pair]:
        """Both halves of a Pair with concurrent writes to /best, for which the function is registered."""
        apart = self.apart({"best": "", "other": 0}, rules={"best": (function, "function")}, schema={"rules": {"/best": "custom:best"}}, **options)
        here, there = apart.cut()
        here.write_state("/best", "short")
        there.write_state("/best", "longer than that")
        self.events = there.observe(events=True)
        return apart.join()

    def test_it_decides_and_both_sides_agree(self) -> None:
        seen: list[Any] = []

        def rule(path: str, candidates: list[spook.RuleCandidate]) -> Any:
            seen.append((path, candidates))
            return longest(path, candidates)

        for pair in self.conflict(rule):
            self.assertEqual(pair.read_state("/best"), "longer than that")
            self.assertEqual(pair.read_state("/best", committed=True), "longer than that")
        for path, candidates in seen:
            self.assertEqual((path, {candidate.value for candidate in candidates}), ("/best", {"short", "longer than that"}))
            self.assertEqual(sorted(candidates, key=lambda candidate: (candidate.stamp, candidate.origin)), candidates)
            self.assertEqual(len({candidate.origin for candidate in candidates}), 2)

    def failure(self, function: Any, **options: Any) -> str:
        """What is told of a rule that fails. Everything else goes on."""
        apart = self.apart({"best": "", "other": 0}, schema={"rules": {"/best": "custom:best"}})
        apart.away.register_rule("best", function, **options)
        here, there = apart.cut()
        here.write_state("/best", "short")
        there.write_state("/best", "longer than that")
        events = there.observe(events=True)
        apart.link()
        self.wait_until(lambda: len(there.conflicts()) == 1)
        conflict = there.conflicts("/best")[0]
        self.assertEqual((conflict.path, there.conflicts("/other")), ("/best", []))
        self.assertEqual(len(conflict.candidates), 2)
        self.assertEqual(there.read_state("/best"), conflict.candidates[-1].value)
        there.write_state("/other", 1)
        self.assertEqual(there.read_state("/other"), 1)
        self.wait_until(lambda: isinstance(events.next(LONG), spook.RuleFailure))
        return conflict.failure

    def test_what_it_raises_is_the_reason_and_all_else_goes_on(self) -> None:
        def broken(path: str, candidates: list[spook.RuleCandidate]) -> Any:
            raise LookupError("no idea")

        self.assertRegex(self.failure(broken), "LookupError: no idea")

    def test_what_is_no_value_or_too_large_or_too_late_is_a_failure(self) -> None:
        self.assertRegex(self.failure(lambda path, candidates: object()), "no value of a state")
        self.assertRegex(self.failure(lambda path, candidates: "x" * 1000, size_limit=100), "100|large|bytes")
        release = threading.Event()
        self.addCleanup(release.set)
        self.assertRegex(self.failure(lambda path, candidates: release.wait(LONG), time_limit=0.05), "longer|goes on")

    def test_it_must_not_call_the_engine(self) -> None:
        raised: list[Any] = []
        home = self.open()
        aside = home.create_pair("aside", {"a": 1})

        def nosy(path: str, candidates: list[spook.RuleCandidate]) -> Any:
            for call in (aside.read_state, lambda: aside.collapse(1, settled=True), home.pairs, spook.open, lambda: aside.write_state("/a", 2)):
                try:
                    call()
                except spook.Reentrant as error:
                    raised.append(error)
            return longest(path, candidates)

        for pair in self.conflict(nosy):
            self.assertEqual(pair.read_state("/best"), "longer than that")
        self.assertGreaterEqual(len(raised), 5)
        self.assertEqual(len(raised) % 5, 0)
        self.assertEqual(aside.read_state("/a"), 1)

    def test_other_threads_of_python_go_on_meanwhile(self) -> None:
        ticks: list[float] = []
        stop = threading.Event()

        def tick() -> None:
            while not stop.wait(0.005):
                ticks.append(time.monotonic())

        spans: list[tuple[float, float]] = []

        def slow(path: str, candidates: list[spook.RuleCandidate]) -> Any:
            begin = time.monotonic()
            time.sleep(0.2)
            spans.append((begin, time.monotonic()))
            return longest(path, candidates)

        thread = threading.Thread(target=tick)
        thread.start()
        self.conflict(slow)
        stop.set()
        thread.join()
        begin, end = spans[0]
        self.assertTrue([moment for moment in ticks if begin < moment < end])

    def test_a_name_is_registered_once_and_has_to_be_one(self) -> None:
        node = self.open()
        node.register_rule("best", longest)
        for name in ("best", "", "a/b"):
            with self.assertRaises(spook.Rule):
                node.register_rule(name, longest)
        with self.assertRaises(spook.Rule):
            node.register_rule("quick", longest, time_limit=0)
        with self.assertRaises(spook.Invalid):
            node.register_rule("kind", longest, "method")
        with self.assertRaises(TypeError):
            node.register_rule("none", None)

    def test_it_is_let_go_of_with_its_node(self) -> None:
        import gc
        import weakref

        def rule(path: str, candidates: list[spook.RuleCandidate]) -> Any:
            return None

        node = self.open()
        node.register_rule("rule", rule)
        gone = weakref.ref(rule)
        del rule
        gc.collect()
        self.assertIsNotNone(gone())
        node.close()
        gc.collect()
        self.wait_until(lambda: gone() is None)
