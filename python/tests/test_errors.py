"""Every error has a code, a fault and advice, and is the exception that Python has for it."""

from __future__ import annotations

import datetime
import os
import pathlib
import pickle
import sys

import spook
from spook import _errors
from support import Test


class Errors(Test):
    def assertFails(self, error: type, call: object, *arguments: object, **options: object) -> spook.SpookError:
        with self.assertRaises(error) as caught:
            call(*arguments, **options)
        exception = caught.exception
        self.assertIs(type(exception), error)
        self.assertLess(exception.code, 0)
        self.assertIs(_errors.BY_CODE[exception.code], error)
        for part in (exception.name, exception.what, exception.advice):
            self.assertTrue(part)
        self.assertIn(exception.fault, ("caller", "peer", "environment", "bug"))
        self.assertIn(exception.what, str(exception))
        self.assertIn(exception.advice, str(exception))
        return exception

    def test_calls_fail_by_their_codes(self) -> None:
        node = self.open()
        pair = node.create_pair("pair", {"a": 1})
        not_found = self.assertFails(spook.NotFound, pair.read_state, "/b")
        self.assertIn("/b", not_found.detail)
        self.assertIsInstance(not_found, KeyError)
        self.assertEqual(not_found.fault, "caller")
        self.assertFails(spook.Pointer, pair.read_state, "a")
        self.assertFails(spook.Pointer, pair.observe, "a")
        self.assertFails(spook.Type, pair.write_state, "/a/b", 1)
        self.assertFails(spook.Nan, pair.write_state, "/a", float("nan"))
        self.assertFails(spook.Pointer, pair.write_state, "/" + "k" * 5000, 1)
        self.assertFails(spook.TooLarge, pair.write_state, "/a", eval("[" * 90 + "]" * 90))
        self.assertFails(spook.Exists, node.create_pair, "pair")
        self.assertFails(spook.NotFound, node.open_pair, "nobody")
        self.assertFails(spook.Invalid, node.create_pair, "")
        self.assertFails(spook.Invalid, node.create_pair, "x", durability="later")
        self.assertFails(spook.TicketInvalid, node.open_pair, "spook1nonsense")
        self.assertFails(spook.Address, pair.ticket)
        self.assertFails(spook.Address, spook.open, "tcp:127.0.0.1:1")
        self.assertFails(spook.Invalid, spook.open, key=b"short")
        self.assertFails(spook.Io, spook.open, "/no/such/folder/home.spook")
        self.assertFails(spook.Invalid, pair.collapse, timeout=-1)
        self.assertFails(spook.Timeout, pair.observe().next, 0)
        self.assertIn("120ms", self.assertFails(spook.Timeout, pair.observe().next, 0.12).detail)

    def test_tickets(self) -> None:
        home = self.open(listen=f"mem:python-errors-{os.getpid()}")
        pair = home.create_pair("pair")
        ticket = pair.ticket()
        self.assertEqual(home.open_pair(ticket).id, pair.id)
        self.assertFails(spook.TicketExpired, self.open().open_pair, pair.ticket(expires_in=0))
        self.assertFails(spook.TicketExpired, self.open().open_pair, pair.ticket(datetime.timedelta(seconds=0)))
        self.open(heartbeat_timeout=datetime.timedelta(seconds=2)).open_pair(ticket, timeout=None)
        self.assertFails(spook.Exists, pair.ticket)
        self.assertFails(spook.TicketUsed, self.open().open_pair, ticket, 5)

    def test_a_ticket_of_a_home_that_is_gone(self) -> None:
        home = self.open(listen=f"mem:python-gone-{os.getpid()}")
        ticket = home.create_pair("pair").ticket()
        home.close()
        error = self.assertFails(spook.Unreachable, self.open().open_pair, ticket, timeout=0.2)
        self.assertIsInstance(error, ConnectionError)

    def test_use_after_close_and_closing_twice(self) -> None:
        node = self.open()
        pair, other = node.create_pair("pair", {"a": 1}), node.open_pair("pair")
        changes = pair.observe()
        pair.close()
        pair.close()
        for call in (pair.read_state, lambda: pair.write_state("/a", 1), pair.observe, pair.collapse, lambda: pair.lifecycle, pair.ticket):
            self.assertFails(spook.Closed, call)
        self.assertTrue(changes.closed)
        self.assertEqual(list(changes), [])
        self.assertEqual(other.read_state("/a"), 1)
        candidate = other.write_state("/a", 2)
        node.close()
        node.close()
        self.assertFails(spook.Closed, other.read_state)
        self.assertFails(spook.Closed, node.pairs)
        self.assertFails(spook.Closed, node.create_pair, "x")
        self.assertFails(spook.Closed, lambda: candidate.settled)

    def test_context_managers_close(self) -> None:
        with self.open() as node:
            with node.create_pair("pair", 1) as pair:
                with pair.observe() as changes:
                    pass
                self.assertTrue(changes.closed)
            self.assertFails(spook.Closed, pair.read_state)
        self.assertFails(spook.Closed, node.pairs)

    def test_what_is_no_argument_is_a_type_error(self) -> None:
        node = self.open()
        pair = node.create_pair("pair")
        calls = {
            "name": lambda: node.create_pair(5),
            "path": lambda: pair.read_state(5),
            "location": lambda: spook.open(5),
            "key": lambda: spook.open(key="0" * 32),
            "callback": lambda: pair.observe(callback=5),
            "timeout": lambda: pair.collapse(timeout="1"),
            "heartbeat_timeout": lambda: spook.open(heartbeat_timeout=True),
        }
        for name, call in calls.items():
            with self.assertRaises(TypeError) as caught:
                call()
            told = [str(caught.exception), *getattr(caught.exception, "__notes__", [])]
            if sys.version_info >= (3, 11):
                self.assertIn(name, " ".join(told))
        with self.assertRaises(TypeError):
            spook.Node()

    def test_handles_are_not_pickled(self) -> None:
        node = self.open()
        pair = node.create_pair("pair")
        for handle in (node, pair, pair.observe(), pair.write_state("/a", 1)):
            with self.assertRaisesRegex(TypeError, "ticket|key"):
                pickle.dumps(handle)

    def test_what_observers_are_told_is_pickled(self) -> None:
        pair = self.pair()
        changes = pair.observe(lifecycle=True)
        pair.write_state("/a", 1)
        notices = [changes.next(1)] + [notice for notice in iter(changes.try_next, None)]
        for notice in (*notices, pair.collapse(), pair.lifecycle, spook.Gap(1, 2)):
            self.assertEqual(pickle.loads(pickle.dumps(notice)), notice)
        self.assertIs(pickle.loads(pickle.dumps(spook.DELETE)), spook.DELETE)

    def test_errors_are_pickled(self) -> None:
        error = pickle.loads(pickle.dumps(spook.NotFound("/a")))
        self.assertEqual((type(error), error.detail), (spook.NotFound, "/a"))


class Files(Test):
    def test_locations(self) -> None:
        folder = pathlib.Path(self.folder())
        with self.open(folder / "a.spook") as node:
            node.create_pair("pair", 1)
            self.assertRaises(spook.Locked, spook.open, folder / "a.spook")
        with self.open(str(folder / "a.spook")) as node:
            self.assertEqual(node.pairs(), ["pair"])
        with self.open(f"file:{folder}/a.spook") as node:
            self.assertEqual(node.pairs(), ["pair"])
        # A path object is a path, whatever it looks like.
        here = os.getcwd()
        os.chdir(folder)
        try:
            with self.open(pathlib.Path("tcp:b")):
                self.assertTrue((folder / "tcp:b").exists())
        finally:
            os.chdir(here)

    def test_a_ledger_is_opened_again(self) -> None:
        path = os.path.join(self.folder(), "home.spook")
        with self.open(path) as node:
            name = node.endpoint_id
            pair = node.create_pair("pair", {"a": [1, b"\0", 2**64 - 1]}, durability="sync")
            pair.write_state("/b", 0.5)
            identity = pair.id
            node.create_pair("gone", 1, durability="memory")
        with self.open(path) as node:
            self.assertEqual((node.endpoint_id, node.pairs()), (name, ["pair"]))
            pair = node.open_pair("pair")
            self.assertEqual((pair.id, pair.name), (identity, "pair"))
            self.assertEqual(pair.read_state(), {"a": [1, b"\0", 2**64 - 1], "b": 0.5})

    def test_a_key_is_needed_again(self) -> None:
        path = os.path.join(self.folder(), "home.spook")
        key = bytes(range(32))
        with self.open(path, key=key) as node:
            node.create_pair("pair", 1)
        for wrong in (None, bytes(32)):
            with self.assertRaises(spook.LedgerKey):
                spook.open(path, key=wrong, listen=[])
        for same in (key, bytearray(key), memoryview(key)):
            with self.open(path, key=same) as node:
                self.assertEqual(node.open_pair("pair").read_state(), 1)

    def test_a_file_that_is_no_ledger(self) -> None:
        path = os.path.join(self.folder(), "text")
        with open(path, "w") as file:
            file.write("no ledger\n" * 1000)
        with self.assertRaises(spook.LedgerCorrupt):
            spook.open(path)
