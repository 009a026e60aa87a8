"""The package as it is installed: stubs, docstrings, metadata, and the examples of its README."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import inspect
import pathlib
import subprocess
import sys
import unittest
from typing import Any

import spook
import spook.aio
from spook import _errors, _spook, _types
from support import Test

PACKAGE = pathlib.Path(spook.__file__).parent
CLASSES = ("Node", "Pair", "Candidate", "Expectation", "Operation", "Subscription")


def stub() -> ast.Module:
    return ast.parse((PACKAGE / "_spook.pyi").read_text(encoding="utf-8"))


def parameters(function: Any) -> list[tuple[str, str, bool]]:
    """Name, kind and optionality of each, as the runtime tells."""
    found = inspect.signature(function).parameters.values()
    return [(each.name, each.kind.name, each.default is not each.empty) for each in found if each.name != "self"]


def stubbed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[tuple[str, str, bool]]:
    """The same, as the stub tells."""
    given = function.args
    ordinary = [*given.posonlyargs, *given.args]
    optional = len(given.defaults)
    found = [(each.arg, "POSITIONAL_OR_KEYWORD", index >= len(ordinary) - optional) for index, each in enumerate(ordinary)]
    if given.vararg:
        found.append((given.vararg.arg, "VAR_POSITIONAL", False))
    found += [(each.arg, "KEYWORD_ONLY", default is not None) for each, default in zip(given.kwonlyargs, given.kw_defaults)]
    return [each for each in found if each[0] != "self"]


class Package(Test):
    def test_it_is_the_installed_one(self) -> None:
        self.assertIn("site-packages", str(PACKAGE))
        self.assertTrue((PACKAGE / "py.typed").exists())
        self.assertEqual(spook.__version__, importlib.metadata.version("spook"))
        metadata = importlib.metadata.metadata("spook")
        self.assertEqual(metadata["License-Expression"], "MIT OR Apache-2.0")
        self.assertIn("open_pair", metadata.get_payload() or metadata["Description"])
        files = {file.name for file in importlib.metadata.files("spook") or []}
        self.assertLessEqual({"LICENSE-MIT", "LICENSE-APACHE", "py.typed", "_spook.pyi"}, files)

    def test_the_stub_has_exactly_what_the_module_has(self) -> None:
        module = {node.name for node in stub().body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        self.assertEqual(module | {"__version__"}, {name for name in vars(_spook) if not name.startswith("__") or name == "__version__"} - {"_spook"})
        silent = {"__new__", "__repr__", "__reduce__", "__doc__", "__module__", "__weakref__", "__dict__", "__weaklistoffset__"}
        silent |= {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__"}
        for node in stub().body:
            if isinstance(node, ast.ClassDef):
                members = {member.name for member in node.body if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef))}
                self.assertEqual(members, set(vars(getattr(_spook, node.name))) - silent, node.name)

    def test_the_stub_has_the_signatures_of_the_module(self) -> None:
        compared = 0
        for holder, body in [(_spook, stub().body)] + [(getattr(_spook, node.name), node.body) for node in stub().body if isinstance(node, ast.ClassDef)]:
            for node in body:
                if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    continue
                decorators = {ast.unparse(each) for each in node.decorator_list}
                member = getattr(holder, node.name)
                if "property" in decorators:
                    self.assertTrue(inspect.isdatadescriptor(member), node.name)
                elif "overload" in decorators:
                    # Each overload names parameters of the runtime, in its order.
                    told = {name for name, *_ in stubbed(node)}
                    self.assertEqual([name for name, *_ in stubbed(node)], [name for name, *_ in parameters(member) if name in told], node.name)
                else:
                    self.assertEqual(stubbed(node), parameters(member), node.name)
                compared += 1
        self.assertGreater(compared, 40)

    def test_defaults_in_the_stub_are_those_of_the_runtime(self) -> None:
        for node in ast.walk(stub()):
            if isinstance(node, ast.ClassDef):
                for member in node.body:
                    if isinstance(member, ast.FunctionDef) and member.args.defaults and not member.decorator_list:
                        runtime = [each.default for each in inspect.signature(getattr(getattr(_spook, node.name), member.name)).parameters.values()]
                        told = [ast.literal_eval(default) for default in member.args.defaults if not isinstance(default, ast.Constant) or default.value is not ...]
                        for default in told:
                            self.assertIn(default, runtime, member.name)

    def test_everything_public_is_documented(self) -> None:
        self.assertTrue(spook.__doc__ and spook.aio.__doc__)
        for name in spook.__all__:
            thing = getattr(spook, name)
            if name not in ("__version__", "DELETE", "Value", "Notice", "Event"):
                self.assertTrue(inspect.getdoc(thing), name)
        for name in CLASSES:
            for member in vars(getattr(spook, name)):
                if not member.startswith("_"):
                    self.assertTrue(inspect.getdoc(getattr(getattr(spook, name), member)), f"{name}.{member}")
        for holder in (spook.aio.AsyncNode, spook.aio.AsyncPair, spook.aio.AsyncCandidate):
            for name, member in vars(holder).items():
                if not name.startswith("_"):
                    self.assertTrue(member.__doc__, name)

    def test_coroutines_take_what_the_calls_take(self) -> None:
        for holder, native in ((spook.aio.AsyncNode, spook.Node), (spook.aio.AsyncPair, spook.Pair), (spook.aio.AsyncCandidate, spook.Candidate)):
            for name, member in vars(holder).items():
                if not name.startswith("_"):
                    self.assertTrue(inspect.iscoroutinefunction(member))
                    ours = [each for each, *_ in parameters(member)]
                    self.assertEqual(ours, [each for each, *_ in parameters(getattr(native, name))], name)

    def test_all_names_are_there_and_no_others(self) -> None:
        self.assertEqual(len(set(spook.__all__)), len(spook.__all__))
        for name in (*_errors.__all__, "Node", "Change", "DELETE", "open"):
            self.assertIn(name, spook.__all__)
            self.assertTrue(hasattr(spook, name))
        self.assertEqual(_types.DELETE, spook.DELETE)


if importlib.util.find_spec("mypy"):
    # Not skipped elsewhere: the step that has mypy runs it.
    class Types(Test):
        def test_it_type_checks(self) -> None:
            program = str(pathlib.Path(__file__).with_name("typed_program.py"))
            for words in (["mypy", "--strict", "-p", "spook"], ["mypy", "--strict", program], ["mypy.stubtest", "spook._spook", "spook.aio"]):
                ran = subprocess.run([sys.executable, "-m", *words], cwd=self.folder(), capture_output=True, text=True)
                self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)


class Readme(Test):
    def test_its_examples_run(self) -> None:
        text = importlib.metadata.metadata("spook").get_payload() or importlib.metadata.metadata("spook")["Description"]
        blocks = [block.split("```")[0] for block in text.split("```python\n")[1:]]
        self.assertGreaterEqual(len(blocks), 3)
        for block in blocks:
            # They are to be read, so not all of them can run; all of them can be compiled.
            compile(block, "README", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        folder = self.folder()
        first = blocks[0].replace("home.spook", f"{folder}/home.spook").replace("phone.spook", f"{folder}/phone.spook")
        names: dict[str, Any] = {"print": lambda text: names.update(ticket=text)}
        exec(compile(first, "README", "exec"), names)
        self.assertEqual(names["pair"].read_state(), {"mode": "eco", "target": 19})


if __name__ == "__main__":
    unittest.main()
