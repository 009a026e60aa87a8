"""Runs all tests, or those whose names contain a word of the command line, and prints one line for each: `passed NAME`, `failed NAME` with
lines of reasons behind `| `, or `skipped NAME: reason`. Needs nothing but the installed package."""

from __future__ import annotations

import pathlib
import sys
import textwrap
import time
import unittest


class Result(unittest.TextTestResult):
    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.begin = time.monotonic()

    def tell(self, outcome: str, test: unittest.TestCase, reason: str = "") -> None:
        print(f"{outcome} {test.id()}{reason} ({time.monotonic() - self.begin:.2f} s)", flush=True)

    def tell_failed(self, test: unittest.TestCase, error: object) -> None:
        self.begin = getattr(self, "begin", time.monotonic())
        self.tell("failed", test)
        print(textwrap.indent(self._exc_info_to_string(error, test), "| "), flush=True)

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.tell("passed", test)

    def addFailure(self, test: unittest.TestCase, error: object) -> None:
        super().addFailure(test, error)
        self.tell_failed(test, error)

    def addError(self, test: unittest.TestCase, error: object) -> None:
        super().addError(test, error)
        self.tell_failed(test, error)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, error: object) -> None:
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.tell_failed(subtest, error)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self.tell("skipped", test, f": {reason}")


def chosen(suite: unittest.TestSuite, words: list[str]) -> unittest.TestSuite:
    found = unittest.TestSuite()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            found.addTests(chosen(test, words))
        elif not words or any(word in test.id() for word in words):
            found.addTest(test)
    return found


def main() -> int:
    here = str(pathlib.Path(__file__).resolve().parent)
    suite = chosen(unittest.TestLoader().discover(here, top_level_dir=here), sys.argv[1:])
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=0, resultclass=Result).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
