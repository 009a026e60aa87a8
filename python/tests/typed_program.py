"""A program that uses every call in every form. It is not run: a type checker reads it, in the strictest way."""

import asyncio
from pathlib import Path

import spook
import spook.aio


def main() -> None:
    node = spook.open(Path("x"), listen=["a"], heartbeat_timeout=1)
    pair = node.create_pair("x", {"a": [1, {"b": None}]})
    pair.write_state("/x", 1)
    pair.write_state([("/a", 1), ("/b", spook.DELETE)])
    pair.write_state("/x", spook.DELETE)
    try:
        pair.read_state("/a", None)
    except spook.NotFound as error:
        print(error.code, error.advice)
    with pair.observe("/x") as changes:
        for change in changes:
            if change.kind == "change":
                print(change.path, change.state)
            elif isinstance(change, spook.Gap):
                print(change.from_seq)
    s = pair.observe(callback=print)
    s.close()
    print(pair.collapse(1.0, settled=True).state.count, pair.lifecycle.name)


async def asynchronous() -> None:
    async with spook.aio.open("x") as node:
        pair = await node.aio.open_pair("x")
        async for change in pair.observe():
            print(change)
    async with await spook.aio.open() as node:
        found = await (await node.aio.create_pair("x")).aio.collapse(timeout=1, settled=True)
        print(found.settled)


main()
asyncio.run(asynchronous())
