"""What becomes of writes: guards, transitions, strong Pairs, taking back; a Candidate tells."""

from __future__ import annotations

import asyncio
import pickle
import signal
import sys
import threading
import time
from typing import Any

import spook
from support import LONG, Test


class Guards(Test):
    def test_what_a_write_expects_is_judged(self) -> None:
        here, there = self.two({"stock": 1, "name": "a", "v": 5}, guards=True)
        fingerprint = here.fingerprint("/name")
        holds = (
            {"/stock": spook.at_least(1)},
            {"/stock": spook.at_most(1.0), "/v": 5},
            {"/stock": spook.between(1, 2), "/gone": spook.absent()},
            {"/name": spook.unchanged_since(fingerprint)},
            {},
            None,
        )
        for expect in holds:
            self.assertEqual(here.write_state("/v", 5, expect=expect, wait=LONG).status.state, "committed", expect)
        here.write_state("/name", "a")
        for expect in ({"/stock": spook.at_least(2)}, {"/v": 6}, {"/v": spook.absent()}, {"/name": spook.unchanged_since(fingerprint)}, {"/v": "5"}):
            with self.assertRaises(spook.Voided) as caught:
                here.write_state("/v", 7, expect=expect, wait=LONG)
            candidate = caught.exception.candidate
            status = candidate.status
            self.assertEqual((status.state, status.name, candidate.settled), ("voided", "Voided", True))
            self.assertTrue(status.reason)
            self.assertIn(status.reason, str(status))
            self.assertIn(next(iter(expect)), caught.exception.detail)
        self.assertEqual((here.read_state("/v"), there.read_state("/v", committed=False)), (5, 5))

    def test_only_one_of_two_gets_the_last_piece(self) -> None:
        apart = self.apart({"stock": 1, "sold": {}}, rules=(), schema={"rules": {"/stock": "counter"}, "guards": True})
        here, there = apart.cut()
        sales = []
        for name, pair in (("here", here), ("there", there)):
            sale = [("/stock", spook.increment(-1)), (f"/sold/{name}", True)]
            sales.append(pair.write_state(sale, expect={"/stock": spook.at_least(1)}))
            self.assertEqual((sales[-1].status.state, sales[-1].status.verdict), ("tentative", "accepted"))
            self.assertEqual(pair.read_state("/stock"), 0)
        keys = [sale.key for sale in sales]
        here, there = apart.join()
        seen = [[pair.candidate(key).wait(LONG).state for key in keys] for pair in (here, there)]
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(sorted(seen[0]), ["committed", "voided"])
        for pair in (here, there):
            self.assertEqual((pair.read_state("/stock"), len(pair.read_state("/sold"))), (0, 1))

    def test_guards_need_a_pair_with_guards_and_bounds_that_have_an_order(self) -> None:
        pair = self.pair({"a": 1})
        for call in (lambda: pair.write_state("/a", 2, expect={"/a": 1}), lambda: pair.fingerprint("/a"), lambda: pair.write_state("/a", 2).revert()):
            with self.assertRaises(spook.Guard):
                call()
        self.assertEqual(pair.write_state("/a", 2, expect={}).cells, 1)
        pair = self.pair({"a": 1}, guards=True)
        with self.assertRaises(spook.Guard):
            pair.write_state("/a", 2, expect={"/a": spook.at_least(None)})
        with self.assertRaises(spook.Pointer):
            pair.write_state("/a", 2, expect={"a": 1})
        with self.assertRaises(spook.Invalid):
            spook.unchanged_since("no hexadecimal")
        for wrong in ([("/a", 1)], {"/a": spook.DELETE}, {5: 1}, {"/a": object()}, 5):
            with self.assertRaises(TypeError):
                pair.write_state("/a", 2, expect=wrong)
        for wrong in ("1", b""):
            with self.assertRaises(TypeError):
                pair.write_state("/a", 2, wait=wrong)
        self.assertEqual(pair.read_state("/a"), 1)

    def test_expectations_are_values(self) -> None:
        for expectation in (spook.absent(), spook.at_least(1), spook.at_most("z"), spook.between(0.5, 2), spook.unchanged_since("0" * 31 + "f")):
            self.assertEqual(eval(repr(expectation)), expectation)
            self.assertEqual(pickle.loads(pickle.dumps(expectation)), expectation)
        self.assertNotEqual(spook.at_least(1), spook.at_most(1))

    def test_a_full_pair_says_so(self) -> None:
        pair = self.apart({"n": 0}, rules=(), schema={"guards": True, "pending": 8}).cut()[1]
        with self.assertRaises(spook.Backpressure):
            for number in range(20):
                pair.write_state("/n", number)

    def test_observers_are_told_of_verdicts(self) -> None:
        apart = self.apart({"a": 0}, rules=(), schema={"guards": True})
        here, there = apart.cut()
        here.write_state("/a", 1)
        time.sleep(0.01)
        late = there.write_state("/a", 2, expect={"/a": 0})
        events = there.observe(events=True)
        apart.join()
        told = [notice for notice in iter(events.try_next, None) if notice.kind == "verdict" and notice.dot == late.dot]
        self.assertTrue(told)
        self.assertEqual((told[-1].verdict, told[-1].committed), ("rejected", True))
        self.assertIn("/a", told[-1].reason)


class Transitions(Test):
    @staticmethod
    def order(path: str, state: Any, candidate: spook.RuleCandidate) -> Any:
        if candidate.deleted:
            return spook.DELETE
        if (state, candidate.value) in ((None, "placed"), ("placed", "paid"), ("placed", "cancelled"), ("paid", "shipped")):
            return candidate.value
        return spook.reject(f"{state} does not lead to {candidate.value}")

    def test_they_step_or_reject_or_remove(self) -> None:
        apart = self.apart({}, rules={"order": (self.order, "transition")}, schema={"rules": {"/order": "transition:order"}})
        pair = apart.there
        for step in ("placed", "paid", "shipped"):
            pair.write_state("/order", step, wait=LONG)
        with self.assertRaisesRegex(spook.Voided, "shipped does not lead to placed"):
            pair.write_state([("/order", "placed"), ("/x", 1)], wait=LONG)
        self.assertEqual(pair.read_state(), {"order": "shipped"})
        pair.delete_state("/order", wait=LONG)
        self.assertEqual(apart.here.read_state(), {})

    def test_while_one_fails_the_rest_stays_tentative_and_goes_on_later(self) -> None:
        node = self.open()
        pair = node.create_pair("pair", {}, rules={"/order": "transition:order"})
        candidate = pair.write_state("/order", "placed")
        status = candidate.wait(0.1)
        self.assertEqual((status.state, status.verdict), ("tentative", "undecided"))
        self.assertTrue(status.reason)
        node.register_rule("order", self.order, "transition")
        self.assertEqual(candidate.wait(LONG).state, "committed")
        self.assertEqual(pair.read_state("/order"), "placed")


class Strong(Test):
    def test_a_write_returns_when_it_is_committed(self) -> None:
        here, there = self.two({"n": 0}, consistency="strong")
        candidate = there.write_state("/n", 1)
        self.assertEqual((candidate.status.name, there.read_state("/n")), ("Committed", 1))
        self.assertEqual(here.candidate(candidate.key).wait(LONG).state, "committed")
        self.assertEqual(here.read_state("/n"), 1)
        self.assertEqual(here.delete_state("/n").status, spook.Status("committed", None, "accepted", True))

    def test_without_the_peer_its_outcome_is_open_and_settles_later(self) -> None:
        apart = self.apart({"n": 0}, rules=(), schema={"consistency": "strong"}, write_timeout=0.1)
        here, there = apart.cut()
        with self.assertRaises(spook.Decohered) as caught:
            there.write_state("/n", 1, wait=0.05)
        self.assertIsInstance(caught.exception, TimeoutError)
        candidate = caught.exception.candidate
        self.assertEqual((candidate.status.name, str(candidate.status), candidate.settled), ("Pending", "Pending", False))
        self.assertEqual((there.read_state("/n"), there.read_state("/n", committed=False)), (0, 1))
        self.assertEqual(there.write_state("/n", 2, wait=False).wait(0.05).state, "tentative")
        self.assertIsNone(pickle.loads(pickle.dumps(caught.exception)).candidate)
        apart.join()
        self.assertEqual(candidate.wait(LONG).state, "committed")
        self.assertEqual(there.read_state("/n"), 2)

    def test_the_pair_says_how_long_a_write_waits(self) -> None:
        pair = self.open(listen="mem:python-strong-timeout").create_pair("pair", {}, consistency="strong", write_timeout=0.05)
        other = self.open()
        other.open_pair(pair.ticket(), LONG)
        pair.write_state("/a", 1)
        other.close()
        self.assertRaises(spook.Decohered, pair.write_state, "/a", 2)

    def test_a_key_outlives_the_process(self) -> None:
        apart = self.apart({"n": 0}, rules=(), schema={"guards": True})
        here, _ = apart.cut()
        key = here.write_state("/n", 1).key
        here, there = apart.join()
        self.assertEqual((here.candidate(key).key, here.candidate(key).wait(LONG).state, there.candidate(key).status.state), (key, "committed", "committed"))
        for wrong in ("", "x", key[:-2], key.replace("@", " ")):
            self.assertRaises(spook.Invalid, here.candidate, wrong)
        unknown = here.candidate(key.replace(key.split("@")[0].rsplit(":")[-1] + "@", "99999999@"))
        with self.assertRaises(spook.NotFound):
            unknown.status

    def test_a_wait_sees_a_signal(self) -> None:
        if sys.platform == "win32":
            self.skipTest("no setitimer")
        _, there = self.apart({"n": 0}, rules=(), schema={"consistency": "strong"}).cut()

        def stop(*_: Any) -> None:
            raise InterruptedError

        before = signal.signal(signal.SIGALRM, stop)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        for wait in (lambda: there.write_state("/n", 1, wait=LONG), lambda: there.write_state("/n", 2, wait=False).wait()):
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            self.assertRaises(InterruptedError, wait)

    def test_closing_ends_a_wait(self) -> None:
        apart = self.apart({"n": 0}, rules=(), schema={"consistency": "strong"})
        _, there = apart.cut()
        candidate = there.write_state("/n", 1, wait=False)
        threading.Timer(0.1, apart.away.close).start()
        self.assertRaises(spook.Closed, candidate.wait, LONG)


class TakingBack(Test):
    def test_what_it_set_goes_back_and_what_it_added_comes_off(self) -> None:
        here, there = self.two({"a": 1, "n": 5}, rules={"/n": "counter"}, guards=True)
        candidate = here.write_state([("/a", 2), ("/n", spook.increment(3)), ("/b", 1)], wait=LONG)
        self.assertEqual(candidate.revert(wait=LONG).status.state, "committed")
        self.assertEqual(here.read_state(), {"a": 1, "n": 5})
        candidate = here.write_state("/a", 2)
        here.write_state("/a", 3)
        with self.assertRaises(spook.Voided):
            candidate.revert(wait=LONG)
        self.assertEqual(here.read_state("/a"), 3)


class Awaiting(Test):
    def run_in_loop(self, work: Any) -> Any:
        return asyncio.run(asyncio.wait_for(work, LONG))

    def test_a_candidate_is_awaited(self) -> None:
        here, there = self.two({"n": 0, "m": 0}, guards=True)

        async def work() -> None:
            first, second = there.write_state("/n", 1), there.write_state("/n", 2, expect={"/n": 0})
            one, other = await asyncio.gather(first, second)
            self.assertEqual((one.state, other.state), ("committed", "voided"))
            third = await there.aio.write_state("/m", 1, expect={"/m": 0}, wait=LONG)
            self.assertEqual((await third.aio.wait(LONG)).name, "Committed")
            with self.assertRaises(spook.Voided) as caught:
                await there.aio.write_state("/m", 2, expect={"/m": 0}, wait=LONG)
            self.assertEqual((await caught.exception.candidate).state, "voided")
            self.assertEqual((await (await third.aio.revert(wait=LONG))).state, "committed")
            self.assertEqual(there.read_state("/m"), 0)

        self.run_in_loop(work())

    def test_a_wait_in_vain_ends_in_time_and_may_be_cancelled(self) -> None:
        _, there = self.apart({"n": 0}).cut()

        async def work() -> None:
            candidate = there.write_state("/n", 1)
            self.assertEqual((await candidate.aio.wait(0.05)).state, "tentative")
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(candidate.aio.wait(), 0.05)

        self.run_in_loop(work())
