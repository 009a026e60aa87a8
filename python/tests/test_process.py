"""Threads, fork, signals and the end of the process."""

from __future__ import annotations

import os
import sys
import threading
import time
import unittest

import spook
from support import LONG, Test, python

#: Opens an engine with a ledger in argv[1] and two subscriptions of which one never rests.
LIVE = """
    import sys, spook
    node = spook.open(sys.argv[1])
    pair = node.create_pair("pair", {"n": 0})
    pair.observe("/n", callback=lambda change: pair.write_state("/n", change.value + 1))
    changes = pair.observe()
    pair.write_state("/n", 1)
    while pair.read_state("/n") < 100:
        pass
"""


class Threads(Test):
    def test_threads_write_read_and_observe_at_once(self) -> None:
        here, there = self.two({"a": 0, "b": 0})
        errors: list[BaseException] = []
        seen: list[object] = []
        subscription = there.observe(callback=seen.append, capacity=100_000)

        def work(pair: spook.Pair, path: str) -> None:
            try:
                for number in range(2_000):
                    pair.write_state(path, number)
                    if number % 7 == 0:
                        pair.read_state()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=job) for job in ((here, "/a"), (here, "/b"), (there, "/c"), (there, "/d"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        self.assertEqual(errors, [])
        self.assertTrue(there.collapse(LONG, settled=True).settled)
        self.assertTrue(here.collapse(LONG, settled=True).settled)
        self.assertEqual(here.read_state(), there.read_state())
        self.assertEqual(here.read_state(), dict.fromkeys("abcd", 1_999))
        subscription.close()

    def test_other_threads_run_while_one_waits(self) -> None:
        changes = self.pair().observe()
        waiter = threading.Thread(target=lambda: list(changes))
        waiter.start()
        begin, count = time.monotonic(), 0
        while time.monotonic() < begin + 0.2:
            count += 1
        changes.close()
        waiter.join(LONG)
        self.assertGreater(count, 1_000)

    def test_a_node_may_be_let_go_of_with_observers_at_work(self) -> None:
        for _ in range(20):
            node = spook.open(listen=[])
            pair = node.create_pair("pair", {"n": 0})
            changes = pair.observe()
            for number in range(100):
                pair.write_state("/n", number)
            self.assertEqual(next(changes).value, 0)
            del node, pair, changes


class Exit(Test):
    def end(self, script: str, *arguments: str, code: int = 0) -> str:
        begin = time.monotonic()
        ran = python(script, *arguments)
        self.assertEqual((ran.returncode, ran.stderr), (code, ""))
        self.assertLess(time.monotonic() - begin, 15)
        return ran.stdout

    def test_with_live_observers(self) -> None:
        for number in range(5):
            path = os.path.join(self.folder(), "home.spook")
            self.end(LIVE, path)
            with self.open(path) as node:
                self.assertGreaterEqual(node.open_pair("pair").read_state("/n"), 100)

    def test_by_sys_exit_and_with_everything_in_globals(self) -> None:
        self.end(LIVE + "\n    sys.exit(7)\n", "", code=7)
        self.end(LIVE + "\n    import gc; gc.disable(); cycle = [node, pair, changes]; cycle.append(cycle)\n", "")

    def test_with_threads_that_wait(self) -> None:
        waiting = "\n    import threading, time\n    threading.Thread(target=lambda: list(changes), daemon=True).start(); time.sleep(0.05)\n"
        self.end(LIVE + waiting, "")

    def test_with_an_observer_that_does_not_return(self) -> None:
        stuck = """
            import spook, threading
            node = spook.open()
            pair = node.create_pair("pair")
            begun = threading.Event()
            def stuck(change):
                begun.set()
                threading.Event().wait()
            pair.observe(callback=stuck)
            pair.write_state("/a", 1)
            begun.wait()
        """
        self.end(stuck)

    def test_with_functions_that_are_busy(self) -> None:
        """An interpreter that shuts down ends the threads that want it: they must not take the process along."""
        busy = """
            import spook, threading
            begun = threading.Event()
            def busy(*arguments):
                begun.set()
                while True:
                    pass
            node = spook.open()
            node.register_rule("busy", busy, "transition", time_limit=0.05)
            pair = node.create_pair("pair", {}, rules={"/order": "transition:busy"})
            {act}
            begun.wait()
        """
        for act in ("pair.write_state('/order', 1)", "pair.observe(callback=busy); pair.write_state('/a', 1)"):
            for _ in range(3):
                self.end(busy.replace("{act}", act))

    def test_from_inside_an_asyncio_loop(self) -> None:
        script = """
            import asyncio, sys, spook
            async def main():
                pair = spook.open().create_pair("pair")
                watch = asyncio.ensure_future(pair.observe().__aiter__().__anext__())
                collapse = asyncio.ensure_future(pair.aio.collapse(timeout=30, settled=True))
                await asyncio.sleep(0.05)
                sys.exit(4)
            asyncio.run(main())
        """
        self.end(script, code=4)

    def test_the_last_write_is_durable(self) -> None:
        path = os.path.join(self.folder(), "home.spook")
        self.end("import sys, spook; node = spook.open(sys.argv[1]); node.create_pair('pair').write_state('/last', 1)", path)
        with self.open(path) as node:
            self.assertEqual(node.open_pair("pair").read_state("/last"), 1)


class Signals(Test):
    def test_ctrl_c_ends_every_wait(self) -> None:
        prepare = """
            import os, signal, sys, threading, time, spook
            # Who starts the tests in the background may have them ignore it.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            node = spook.open(listen=["mem:ctrl-c"])
            pair = node.create_pair("pair")
            gone = spook.open(listen=["mem:gone"])
            left = spook.open(listen=[]).open_pair(gone.create_pair("left").ticket())
            ticket = gone.create_pair("pair").ticket()
            gone.close()
            left.write_state("/never", "settled")
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            begin = time.monotonic()
            try:
                {wait}
            except KeyboardInterrupt:
                print("interrupted", time.monotonic() - begin < 5)
        """
        waits = ["list(pair.observe())", "pair.observe().next(30)", "node.open_pair(ticket, 30)", "left.collapse(30, settled=True)"]
        for wait in waits:
            ran = python(prepare.replace("{wait}", wait))
            self.assertEqual((ran.stdout, ran.stderr, ran.returncode), ("interrupted True\n", "", 0), wait)


@unittest.skipUnless(hasattr(os, "fork"), "no fork here")
class Fork(Test):
    def test_the_child_gets_forked_and_the_parent_goes_on(self) -> None:
        script = """
            import os, sys, warnings, gc, spook
            warnings.simplefilter("ignore")
            path = sys.argv[1]
            node = spook.open(path)
            pair = node.create_pair("pair", {"a": 1})
            seen = []
            changes, subscription = pair.observe(), pair.observe(callback=seen.append)
            candidate = pair.write_state("/a", 2)
            child = os.fork()
            if child == 0:
                calls = [
                    node.pairs, node.close, node.flush, lambda: node.create_pair("x"), lambda: node.open_pair("pair"), pair.read_state,
                    lambda: pair.write_state("/a", 3), pair.observe, pair.collapse, pair.ticket, lambda: pair.lifecycle, pair.close,
                    changes.next, changes.try_next, lambda: next(changes), changes.close, subscription.close, lambda: candidate.settled,
                ]
                for number, call in enumerate(calls):
                    try:
                        call()
                        os._exit(100 + number)
                    except spook.Forked:
                        pass
                repr(node), repr(pair), repr(changes), node.endpoint_id
                with spook.open(path + ".child") as own:
                    own.create_pair("pair", 5)
                del node, pair, changes, subscription, candidate, calls, call
                gc.collect()
                sys.exit(9)
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status))
            pair.write_state("/a", 4)
            print(pair.read_state("/a"), next(changes).value)
            node.close()
            print(spook.open(path).open_pair("pair").read_state(), spook.open(path + ".child").open_pair("pair").read_state())
        """
        ran = python(script, os.path.join(self.folder(), "home.spook"))
        self.assertEqual((ran.stdout, ran.stderr, ran.returncode), ("9\n4 2\n{'a': 4} 5\n", "", 0))

    def test_forks_while_threads_work(self) -> None:
        script = """
            import os, sys, threading, warnings, spook
            warnings.simplefilter("ignore")
            stop = False
            def work():
                while not stop:
                    with spook.open(listen=[]) as node:
                        pair = node.create_pair("pair")
                        pair.observe(callback=print)
                        pair.observe().close()
            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads: thread.start()
            codes = set()
            for _ in range(50):
                child = os.fork()
                if child == 0:
                    with spook.open(listen=[]) as node:
                        node.create_pair("pair")
                    os._exit(0)
                codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            stop = True
            for thread in threads: thread.join()
            print(codes)
        """
        ran = python(script)
        self.assertEqual((ran.stdout, ran.stderr), ("{0}\n", ""))

    def test_multiprocessing(self) -> None:
        script = """
            import multiprocessing, sys, warnings, spook
            warnings.simplefilter("ignore")
            def child(ticket, results):
                with spook.open() as node:
                    pair = node.open_pair(ticket)
                    pair.write_state("/from", "child")
                    results.put(pair.collapse(10, settled=True).settled)
            if __name__ == "__main__":
                context = multiprocessing.get_context("fork")
                with spook.open(listen=["tcp:127.0.0.1:0"]) as node:
                    pair = node.create_pair("pair", {})
                    results = context.Queue()
                    process = context.Process(target=child, args=(pair.ticket(), results))
                    process.start()
                    print(results.get(timeout=20), pair.read_state())
                    process.join()
                    print(process.exitcode)
        """
        ran = python(script)
        self.assertEqual((ran.stdout, ran.stderr), ("True {'from': 'child'}\n0\n", ""))


class Sharing(Test):
    #: Opens the Pair of a ticket (argv[1]) with a ledger (argv[2]), counts along, and says what it has.
    PHONE = """
        import sys, spook
        with spook.open(sys.argv[2], listen=[]) as node:
            pair = node.open_pair(sys.argv[1] if sys.argv[1] else "pair", 15)
            with pair.observe("/ping") as changes:
                print("ready", flush=True)
                for change in changes:
                    pair.write_state("/pong", change.value)
                    if change.value == 20:
                        break
            settled = pair.collapse(15, settled=True)
            print(settled.settled, settled.state.digest, pair.read_state(), flush=True)
            sys.stdin.read()
    """

    def play(self, listen: str) -> None:
        import subprocess
        import textwrap

        folder = self.folder()
        node = self.open(os.path.join(folder, "home.spook"), listen=[listen])
        pair = node.create_pair("pair", {"text": "ä😀", "bytes": b"\0\xff", "big": 2**64 - 1})
        phone = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(self.PHONE), pair.ticket(), os.path.join(folder, "phone.spook")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(phone.kill)
        self.assertEqual(phone.stdout.readline(), "ready\n")
        with pair.observe("/pong") as changes:
            for number in range(1, 21):
                pair.write_state("/ping", number)
                self.assertEqual(changes.next(LONG).value, number)
        self.assertTrue(pair.collapse(LONG, settled=True).settled)
        settled, digest, *state = phone.stdout.readline().split(" ", 2)
        self.assertEqual(settled, "True")
        self.assertEqual(eval(state[0]), pair.read_state())
        self.assertEqual(digest, pair.collapse(LONG, settled=True).state.digest)
        self.assertEqual(pair.lifecycle.link, "entangled")
        self.assertGreater(node.traffic().bytes_received, 0)
        _, errors = phone.communicate("", timeout=LONG)
        self.assertEqual((errors, phone.returncode), ("", 0))
        self.wait_until(lambda: pair.lifecycle.link == "decohered")
        self.assertEqual(pair.lifecycle.name, "Decohered")

    def test_two_processes_over_tcp(self) -> None:
        self.play("tcp:127.0.0.1:0")

    @unittest.skipIf(sys.platform == "win32", "no such sockets")
    def test_two_processes_over_unix(self) -> None:
        self.play(f"unix:{self.folder()}/home.sock")
