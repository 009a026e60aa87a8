"""A program that uses every call in every form. It is not run: a type checker reads it, in the strictest way."""

import asyncio
from pathlib import Path
from typing import Any, Union

import spook
import spook.aio


def longest(path: str, candidates: list[spook.RuleCandidate]) -> spook.Value:
    return max(str(candidate.value) for candidate in candidates)


def step(path: str, state: Any, candidate: spook.RuleCandidate) -> Union[spook.Value, spook.Rejection]:
    return str(candidate.value) if state is None else spook.reject("it is there")


def model(node: spook.Node) -> None:
    pair = node.create_pair("model", {}, rules={"/n": "counter", "/best": "custom:longest"}, consistency="causal")
    node.register_rule("longest", longest, time_limit=0.5)
    node.register_rule("step", step, "transition")
    pair.write_state([("/n", spook.increment(2)), ("/tags", spook.add("x")), ("/tags", spook.remove("y")), ("/old", spook.DELETE)])
    pair.write_state("/n", spook.increment())
    pair.read_state("/n", 0, committed=True)
    for conflict in pair.conflicts("/best"):
        print(conflict.path, [candidate.stamp.ms for candidate in conflict.candidates], conflict.failure)
    strong = node.create_pair("strong", consistency="strong", write_timeout=2)
    try:
        sale = strong.write_state("/n", 1, expect={"/n": spook.at_least(1), "/x": spook.absent(), "/y": [1]}, wait=False)
        strong.write_state([("/n", 2)], expect={"/n": spook.unchanged_since(strong.fingerprint("/n"))}, wait=0.5)
        strong.delete_state("/n", expect={"/n": spook.between(1, 2.5), "/s": spook.at_most("z")})
        print(sale.status.state, sale.status.reason, sale.wait(5).name, sale.revert(wait=True).key, strong.candidate(sale.key).settled)
    except spook.Decohered as decohered:
        if decohered.candidate is not None:
            decohered.candidate.wait()
    pair.set_presence("cursor", [1, 2])
    print(pair.presence().get("cursor"), pair.clock.offset, pair.schema, pair.collapse().resolved, pair.collapse().registers)
    for notice in pair.observe(lifecycle=True, events=True):
        if notice.kind == "verdict":
            print(notice.dot, notice.reason, notice.committed)
        elif isinstance(notice, spook.PresenceChange):
            print(notice.key, notice.value)


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
    model(node)
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
        candidate = await pair.aio.write_state("/x", 1, expect={"/x": 2}, wait=1)
        print((await candidate).state, (await candidate.aio.wait(1)).reason, await candidate.aio.revert())
    async with await spook.aio.open() as node:
        found = await (await node.aio.create_pair("x")).aio.collapse(timeout=1, settled=True)
        print(found.settled)


main()
asyncio.run(asynchronous())
