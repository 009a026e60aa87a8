"""What is opened and closed again and again leaves nothing behind."""

from __future__ import annotations

import faulthandler
import gc
import os
import unittest

import spook
from support import Test

FAST = "SPOOK_TEST_FAST" in os.environ


def resident() -> int:
    """Bytes of memory that the process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@unittest.skipUnless(os.path.exists("/proc/self/statm"), "memory is measured through /proc")
class Memory(Test):
    def assertFlat(self, cycle: object, count: int, limit: int = 8 << 20) -> None:
        """The second half of the cycles adds nothing to the first but noise."""
        faulthandler.dump_traceback_later(150, exit=True)
        for _ in range(count // 2):
            cycle()
        gc.collect()
        before = resident()
        for _ in range(count // 2):
            cycle()
        gc.collect()
        self.assertLess(resident() - before, limit, f"in {count // 2} cycles")

    def test_observe_and_close(self) -> None:
        pair = self.pair({"n": 0})

        def pull() -> None:
            pair.observe("/n").close()

        def call() -> None:
            pair.observe("/n", callback=lambda change: pair).close()

        def forgotten() -> None:
            pair.observe("/n")

        self.assertFlat(pull, 100_000)
        self.assertFlat(call, 100_000)
        self.assertFlat(forgotten, 100_000)

    def test_handles_of_a_pair(self) -> None:
        node = self.open()
        node.create_pair("pair", {"n": 0})

        def cycle() -> None:
            with node.open_pair("pair") as pair:
                pair.write_state("/n", 1)
                pair.observe("/n", callback=len)

        self.assertFlat(cycle, 100_000)

    def test_engines(self) -> None:
        def cycle() -> None:
            with spook.open(listen=[]) as node:
                node.create_pair("pair", {"n": 0}).observe(callback=len)

        self.assertFlat(cycle, 2_000 if FAST else 100_000)

    def test_engines_that_are_let_go_of(self) -> None:
        self.assertFlat(lambda: spook.open(listen=[]).create_pair("pair").observe(), 2_000)

    def test_reads_writes_changes_and_errors(self) -> None:
        pair = self.pair()
        changes = pair.observe()
        value = {"text": "x" * 100, "list": [1, 2.5, None, b"bytes"] * 10}

        def cycle() -> None:
            pair.write_state("/value", value)
            pair.read_state()
            changes.next(1)
            pair.read_state("/nothing", None)
            try:
                pair.read_state("/nothing")
            except KeyError:
                pass

        self.assertFlat(cycle, 20_000)
