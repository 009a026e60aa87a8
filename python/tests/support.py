"""What the tests share. They run against the installed package, never against the sources beside them."""

from __future__ import annotations

import faulthandler
import itertools
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

import spook

#: A test that hangs ends the run after so many seconds, with the stacks of all threads.
WATCHDOG = 60
#: More than anything takes that the tests wait for.
LONG = 20

_numbers = itertools.count()


class Test(unittest.TestCase):
    """A test with a watchdog, and engines that close when it ends."""

    def setUp(self) -> None:
        faulthandler.dump_traceback_later(WATCHDOG, exit=True)
        self.addCleanup(faulthandler.cancel_dump_traceback_later)

    def open(self, *location: object, **options: object) -> spook.Node:
        """An engine; nobody can reach it unless the options say so."""
        options.setdefault("listen", [])
        node = spook.open(*location, **options)
        self.addCleanup(node.close)
        return node

    def folder(self) -> str:
        folder = tempfile.TemporaryDirectory(prefix="spook-test-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def apart(self, *initial: object, **options: object) -> Apart:
        """Both halves of a Pair, of which the link can be cut."""
        return Apart(self, *initial, **options)

    def pair(self, *initial: object, **options: object) -> spook.Pair:
        """A Pair in memory that nobody shares."""
        return self.open().create_pair("pair", *initial, **options)

    def two(self, *initial: object, **options: object) -> tuple[spook.Pair, spook.Pair]:
        """Both halves of a Pair, in two engines of this process."""
        self.home = self.open(listen=f"mem:python-tests-{os.getpid()}-{next(_numbers)}")
        here = self.home.create_pair("pair", *initial, **options)
        return here, self.open().open_pair(here.ticket(), LONG)

    def wait_until(self, condition: object) -> None:
        deadline = time.monotonic() + LONG
        while not condition():
            self.assertLess(time.monotonic(), deadline, "waited in vain")
            time.sleep(0.001)


class Apart:
    """Two halves of a Pair that can be written to while there is no link: the one at home is closed, and opened again where nobody reaches it."""

    def __init__(self, test: Test, *initial: object, rules: object = (), **options: object) -> None:
        self._test, self.rules = test, dict(rules)
        self._ledger = os.path.join(test.folder(), "home.spook")
        self._address = f"mem:python-apart-{os.getpid()}-{next(_numbers)}"
        self._open([self._address])
        self.here = self.home.create_pair("pair", *initial, **options)
        self.away = test.open()
        self._register(self.away)
        self.there = self.away.open_pair(self.here.ticket(), LONG)

    def _open(self, listen: list[str]) -> None:
        self.home = self._test.open(self._ledger, listen=listen)
        self._register(self.home)

    def _register(self, node: spook.Node) -> None:
        for name, (function, kind) in self.rules.items():
            node.register_rule(name, function, kind)

    def cut(self) -> tuple[spook.Pair, spook.Pair]:
        self.home.close()
        self._open([])
        self.here = self.home.open_pair("pair")
        return self.here, self.there

    def link(self) -> None:
        """The halves can reach each other again."""
        self.home.close()
        self._open([self._address])
        self.here = self.home.open_pair("pair")

    def join(self) -> tuple[spook.Pair, spook.Pair]:
        """As link, and waits until everything is committed on both sides."""
        self.link()
        for pair in (self.here, self.there, self.here):
            self._test.assertTrue(pair.collapse(LONG, settled=True).settled)
        self._test.assertEqual(self.here.collapse().state.digest, self.there.collapse().state.digest)
        return self.here, self.there


def python(script: str, *arguments: str, timeout: float = 30, **options: object) -> subprocess.CompletedProcess:
    """Runs a script in a process of its own, which ends by itself or is killed."""
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
