"""Values of every type and limit go in and come out as they were."""

from __future__ import annotations

import collections
import enum
import math

import spook
from support import Test


class Values(Test):
    def setUp(self) -> None:
        super().setUp()
        self.half = self.pair()

    def back(self, value: object) -> object:
        self.half.write_state("/value", value)
        return self.half.read_state("/value")

    def assertComesBack(self, value: object) -> None:
        back = self.back(value)
        self.assertEqual(back, value)
        self.assertIs(type(back), type(value))

    def test_scalars(self) -> None:
        for value in (None, True, False, 0, 1, -1, 0.5, -1e300, 5e-324, "", "a", "\0", "ä€😀", b"", b"\0\xff", "a" * (1 << 20), b"\xfe" * (1 << 20)):
            with self.subTest(value=repr(value)[:40]):
                self.assertComesBack(value)

    def test_integers_to_the_limits_of_64_bits(self) -> None:
        for value in (2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1):
            self.assertComesBack(value)
        for value in (2**64, -(2**63) - 1, 10**1000):
            with self.assertRaises(spook.OutOfRange) as caught:
                self.back(value)
            self.assertIsInstance(caught.exception, OverflowError)
            self.assertIsInstance(caught.exception, spook.Invalid)
            self.assertIn("64 bits", str(caught.exception))

    def test_floats_stay_floats(self) -> None:
        self.assertComesBack(1.0)
        self.assertEqual(math.copysign(1, self.back(-0.0)), -1)
        self.assertEqual(self.back(0.1 + 0.2), 0.1 + 0.2)
        for value in (math.nan, math.inf, -math.inf, [math.nan], {"a": math.inf}):
            with self.assertRaises(spook.Nan):
                self.back(value)

    def test_true_is_no_1(self) -> None:
        self.assertIs(self.back(True), True)
        self.assertIs(type(self.back(1)), int)

    def test_buffers_are_bytes(self) -> None:
        for value in (bytearray(b"\0a"), memoryview(b"\0a"), memoryview(b"\0.a.")[::2]):
            self.assertEqual(self.back(value), b"\0a")
            self.assertIs(type(self.back(value)), bytes)

    def test_trees(self) -> None:
        tree = {"list": [1, [2, {"a": b"x"}], [], {}], "dict": {"": {"~/": None}}, "empty": {}}
        self.assertComesBack(tree)
        self.assertEqual(self.half.read_state("/value/dict//~0~1"), None)
        self.assertEqual(self.back((1, (2,))), [1, [2]])

    def test_what_is_read_is_a_copy(self) -> None:
        self.half.write_state("", {"a": {"b": [1]}})
        read = self.half.read_state()
        read["a"]["b"].append(2)
        read["c"] = 3
        self.assertEqual(self.half.read_state(), {"a": {"b": [1]}})

    def test_relatives_of_the_types(self) -> None:
        class Level(enum.IntEnum):
            HIGH = 3

        class Name(str):
            pass

        class Index:
            def __index__(self) -> int:
                return 7

        self.assertEqual(self.back(Level.HIGH), 3)
        self.assertEqual(self.back(Name("x")), "x")
        self.assertEqual(self.back(Index()), 7)
        self.assertEqual(self.back(collections.OrderedDict(b=1, a=2)), {"a": 2, "b": 1})
        self.assertEqual(self.back(collections.defaultdict(list, a=[1])), {"a": [1]})

    def test_types_that_are_no_values_are_named(self) -> None:
        for value, name in ((object(), "object"), ({1}, "set"), (1j, "complex"), ([len], "builtin"), (range(3), "range")):
            with self.assertRaises(TypeError) as caught:
                self.back(value)
            self.assertIsInstance(caught.exception, spook.InvalidType)
            self.assertIn(name, str(caught.exception))

    def test_keys_are_str(self) -> None:
        for key in (1, None, b"a", (1,)):
            with self.assertRaisesRegex(spook.InvalidType, "keys of a dict are str"):
                self.back({"a": {key: 1}})

    def test_a_lone_surrogate_is_no_text(self) -> None:
        for write in (lambda: self.back("a\ud800"), lambda: self.back({"\udfff": 1}), lambda: self.half.read_state("/\ud800")):
            with self.assertRaisesRegex(spook.Utf8, "surrogate"):
                write()

    def test_depth_is_bounded(self) -> None:
        loop: list = []
        loop.append(loop)
        deep: object = 1
        for _ in range(100):
            deep = [deep]
        for value in (loop, deep, {"a": loop}):
            with self.assertRaises(spook.TooLarge):
                self.back(value)
        fits: object = 1
        for _ in range(60):
            fits = [fits]
        self.assertComesBack(fits)

    def test_a_failed_write_changes_nothing(self) -> None:
        self.half.write_state("", {"a": 1})
        for value in ({"b": 1, "c": math.nan}, {"b": object()}, {"b": 2**64}):
            with self.assertRaises(spook.SpookError):
                self.half.write_state("", value)
        with self.assertRaises(spook.Nan):
            self.half.write_state([("/a", 2), ("/b", math.nan)])
        self.assertEqual(self.half.read_state(), {"a": 1})

    def test_an_empty_pair_and_a_scalar_pair(self) -> None:
        self.assertEqual(self.half.read_state(), {})
        self.half.write_state("", 5)
        self.assertEqual(self.half.read_state(), 5)


class Operations(Test):
    def test_several_operations_are_one_candidate(self) -> None:
        pair = self.pair({"a": 1, "b": 2})
        changes = pair.observe()
        candidate = pair.write_state([("/a", 10), ("/b", spook.DELETE), ("/c", [1])])
        self.assertEqual(candidate.cells, 3)
        self.assertEqual(pair.read_state(), {"a": 10, "c": [1]})
        seen = [changes.next(1) for _ in range(3)]
        self.assertEqual({change.number for change in seen}, {candidate.number})
        self.assertEqual({(change.path, change.value, change.deleted) for change in seen if change.path != "/c"}, {("/a", 10, False), ("/b", None, True)})

    def test_delete(self) -> None:
        pair = self.pair({"a": 1, "b": {"c": 2}})
        pair.delete_state("/a")
        pair.write_state("/b", spook.DELETE)
        self.assertEqual(pair.read_state(), {})
        with self.assertRaises(spook.NotFound):
            pair.delete_state("/a")

    def test_operations_are_pairs_of_path_and_value(self) -> None:
        pair = self.pair()
        for operations in ({"/a": 1}, "/a", [("/a",)], ["/a"], [(1, 2)]):
            with self.assertRaises(spook.InvalidType):
                pair.write_state(operations)
        with self.assertRaises(TypeError):
            pair.write_state(5)
        with self.assertRaises(spook.Invalid):
            pair.write_state([])
        pair.write_state((path, 1) for path in ["/a", "/b"])
        self.assertEqual(pair.read_state(), {"a": 1, "b": 1})

    def test_default_of_a_read(self) -> None:
        pair = self.pair({"a": None})
        self.assertIsNone(pair.read_state("/a", 5))
        self.assertEqual(pair.read_state("/b", 5), 5)
        self.assertIsNone(pair.read_state("/b", default=None))
        with self.assertRaises(spook.Pointer):
            pair.read_state("b", None)
