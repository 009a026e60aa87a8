"""What a schema makes of concurrent writes, and what can be known of them: rules, superposition, commits, presence, clocks."""

from __future__ import annotations

import pickle

import spook
from support import LONG, Test


class Schemas(Test):
    def test_a_schema_is_given_whole_or_in_parts_and_read_back_at_both_sides(self) -> None:
        schema = {"rules": {"/n": "counter"}, "consistency": "causal", "mine": "stays"}
        here, there = self.two({"n": 0}, schema=schema)
        self.assertEqual((here.schema, there.schema), (schema, schema))
        node = self.open()
        parts = node.create_pair("parts", schema={"version": 1}, rules={"/n": "counter"}, collapse="eager", guards=None)
        self.assertEqual(parts.schema, {"version": 1, "rules": {"/n": "counter"}, "collapse": "eager"})
        self.assertEqual(node.create_pair("none").schema, {})

    def test_a_schema_that_is_none_is_refused_and_says_why(self) -> None:
        node = self.open()
        for options, word in (
            ({"consistency": "total"}, "strong"),
            ({"rules": {"/n": "conter"}}, "counter"),
            ({"rules": {"n": "counter"}}, "n"),
            ({"schema": {"rules": {}}, "rules": {}}, "twice|once"),
        ):
            with self.assertRaisesRegex(spook.Schema, word):
                node.create_pair("pair", **options)
        with self.assertRaisesRegex(TypeError, "unexpected keyword argument 'rule'"):
            node.create_pair("pair", rule={})
        with self.assertRaises(TypeError):
            node.create_pair("pair", schema=5)
        self.assertEqual(node.pairs(), [])

    def test_types_are_checked(self) -> None:
        pair = self.pair({"name": "a"}, rules={"/name": {"type": "string"}})
        with self.assertRaises(spook.Type):
            pair.write_state("/name", 5)
        self.assertEqual(pair.read_state("/name"), "a")

    def test_registers_have_digests_of_their_own(self) -> None:
        here, there = self.two({"stock": {"n": 1}, "orders": {}}, registers={"stock": {}, "orders": {}})
        before = here.collapse(LONG, settled=True).registers
        self.assertEqual(set(before), {"stock", "orders"})
        here.write_state("/stock/n", 2)
        after = here.collapse(LONG, settled=True).registers
        self.assertNotEqual(after["stock"], before["stock"])
        self.assertEqual(after["orders"], before["orders"])
        there.collapse(LONG, settled=True)
        self.assertEqual(there.collapse().registers, after)
        with self.assertRaises(spook.SpookError):
            here.write_state("/elsewhere", 1)


class Operations(Test):
    def test_operations_stand_where_values_do(self) -> None:
        pair = self.pair({"n": 5, "tags": ["a", "b"], "old": 1}, rules={"/n": "counter", "/tags": "set"})
        pair.write_state("/n", spook.increment(3))
        pair.write_state("/n", spook.increment(-1))
        pair.write_state("/n", spook.increment())
        pair.write_state([("/tags", spook.add("c")), ("/old", spook.DELETE)])
        pair.write_state("/tags", spook.remove("a"))
        self.assertEqual(pair.read_state(), {"n": 8, "tags": ["b", "c"]})

    def test_they_are_refused_where_the_rule_is_another(self) -> None:
        pair = self.pair({"n": 5, "tags": []}, rules={"/tags": "set"})
        for path, operation in (("/n", spook.increment(1)), ("/n", spook.add(1)), ("/tags", spook.increment(1)), ("/tags", spook.add([1]))):
            with self.assertRaises(spook.Type):
                pair.write_state(path, operation)
        with self.assertRaises(spook.InvalidType):
            pair.write_state("/n", [spook.increment(1)])
        counter = self.pair({"n": 2**63 - 1}, rules={"/n": "counter"})
        with self.assertRaises(spook.TooLarge):
            counter.write_state("/n", spook.increment(1))
        with self.assertRaises(spook.OutOfRange):
            spook.increment(2**63)
        for wrong in ("1", 1.5, True):
            with self.assertRaises(TypeError):
                spook.increment(wrong)

    def test_they_are_values_themselves(self) -> None:
        for operation in (spook.increment(5), spook.add("a"), spook.remove(b"\0")):
            self.assertEqual(eval(repr(operation)), operation)
            self.assertEqual(pickle.loads(pickle.dumps(operation)), operation)
        self.assertNotEqual(spook.add("a"), spook.remove("a"))

    def test_increments_and_elements_of_both_sides_stay(self) -> None:
        apart = self.apart({"n": 10, "tags": ["a", "b"], "high": 1}, rules=(), schema={"rules": {"/n": "counter", "/tags": "set", "/high": "max"}})
        here, there = apart.cut()
        here.write_state([("/n", spook.increment(5)), ("/tags", spook.add("here")), ("/high", 7)])
        there.write_state([("/n", spook.increment(-2)), ("/tags", spook.remove("a")), ("/high", 3)])
        here, there = apart.join()
        for pair in (here, there):
            self.assertEqual(pair.read_state(), {"n": 13, "tags": ["b", "here"], "high": 7})


class Superposition(Test):
    def test_concurrent_writes_are_listed_until_they_are_committed(self) -> None:
        # A rule that only one side has keeps the conflict open at the other for as long as the test looks.
        apart = self.apart({"a": 0, "b": 0}, rules=(), schema={"rules": {"/a": "custom:missing"}})
        here, there = apart.cut()
        written = here.write_state("/a", "here"), there.write_state([("/a", "there"), ("/b", spook.DELETE)])
        self.assertEqual((here.conflicts(), there.conflicts()), ([], []))
        apart.link()
        self.wait_until(lambda: there.conflicts())
        (conflict,) = there.conflicts("/a")
        self.assertEqual((conflict.path, there.conflicts("/b")), ("/a", []))
        self.assertEqual({each.dot: (each.value, each.deleted) for each in conflict.candidates}, {written[0].dot: ("here", False), written[1].dot: ("there", False)})
        self.assertEqual({each.origin for each in conflict.candidates}, {apart.home.endpoint_id, apart.away.endpoint_id})
        self.assertEqual({each.stamp for each in conflict.candidates}, {each.stamp for each in written})
        self.assertTrue(conflict.failure)
        apart.away.register_rule("missing", lambda path, candidates: "both")
        apart.rules["missing"] = (lambda path, candidates: "both", "function")
        here, there = apart.join()
        self.assertEqual((here.conflicts(), there.conflicts(), here.read_state("/a"), there.read_state("/a")), ([], [], "both", "both"))

    def test_a_collapse_tells_which_conflicts_are_over(self) -> None:
        apart = self.apart({"a": 0, "b": 0})
        here, there = apart.cut()
        here.write_state([("/a", "here"), ("/b", spook.DELETE)])
        there.write_state([("/a", "there"), ("/b", spook.DELETE)])
        apart.link()
        resolved: list[spook.Resolved] = []
        self.wait_until(lambda: resolved.extend(there.collapse(1, settled=True).resolved) or "/a" in [each.path for each in resolved])
        told = {each.path: each for each in resolved}
        self.assertEqual(told["/a"], spook.Resolved("/a", there.read_state("/a"), False, 2))
        self.assertEqual(there.collapse().resolved, [])

    def test_what_is_not_committed_is_read_apart_from_what_is(self) -> None:
        here, there = self.apart({"a": 1}).cut()
        there.write_state("/a", 2)
        there.write_state("/new", 1)
        self.assertEqual(there.read_state("/a"), 2)
        self.assertEqual(there.read_state("/a", committed=False), 2)
        self.assertEqual(there.read_state("/a", committed=True), 1)
        self.assertEqual(there.read_state("/new", None, committed=True), None)
        with self.assertRaises(spook.NotFound):
            there.read_state("/new", committed=True)

    def test_a_strong_pair_shows_what_is_committed(self) -> None:
        here, there = self.two({"a": 1}, consistency="strong")
        there.write_state("/a", 2)
        self.assertTrue(there.collapse(LONG, settled=True).settled)
        self.assertEqual((there.read_state("/a"), here.read_state("/a", committed=False)), (2, 2))
        self.wait_until(lambda: here.read_state("/a") == 2)


class BetweenTheTwo(Test):
    def test_presence_is_shown_to_the_other_side_and_stored_nowhere(self) -> None:
        here, there = self.two()
        with here.observe(events=True) as events:
            there.set_presence("cursor", {"line": 7})
            there.set_presence("name", None)
            self.wait_until(lambda: len(here.presence()) == 2)
            self.assertEqual(here.presence(), {"cursor": {"line": 7}, "name": None})
            there.set_presence("cursor", spook.DELETE)
            self.wait_until(lambda: len(here.presence()) == 1)
            told = [notice for notice in iter(events.try_next, None) if isinstance(notice, spook.PresenceChange)]
        self.assertEqual({notice.kind for notice in told}, {"presence"})
        self.assertIn(("cursor", None, True), [(notice.key, notice.value, notice.deleted) for notice in told])
        self.assertEqual((there.presence(), here.read_state()), ({}, {}))
        with self.assertRaises(spook.TooLarge):
            here.set_presence("x", "x" * 5000)
        there.close()
        with self.assertRaises(spook.Closed):
            there.presence()

    def test_clocks_are_compared(self) -> None:
        here, _ = self.two()
        self.wait_until(lambda: here.clock.offset is not None)
        self.assertLess(abs(here.clock.offset), 1.0)
        self.assertIsNone(here.clock.suspect)
        self.assertEqual(self.pair().clock, spook.Clock(None, None))

    def test_a_candidate_has_a_place_in_time(self) -> None:
        pair = self.pair()
        first, second = pair.write_state("/a", 1), pair.write_state("/a", 2)
        self.assertLess(first.stamp, second.stamp)
        self.assertIsInstance(first.stamp, spook.Stamp)
