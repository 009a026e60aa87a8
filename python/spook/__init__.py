"""Programs share live state instead of exchanging messages.

    import spook

    node = spook.open("home.spook")                  # spook.open() keeps everything in memory
    pair = node.create_pair("thermostat", {"target": 21.5, "mode": "heat"})
    print(pair.ticket())                             # give this to the other side, once

    # on the other machine, in any language
    pair = spook.open("phone.spook").open_pair(ticket)
    pair.write_state("/target", 22.0)                # at once, offline too
    pair.read_state()                                # {"mode": "heat", "target": 22.0}
    with pair.observe("/target") as changes:         # also: async for, or a callback
        for change in changes:
            print(change)
    pair.collapse(timeout=5, settled=True)           # until it is committed: final on both sides

What concurrent writes come to is said when the Pair is created, by rules, and a write may have conditions:

    shop = node.create_pair("shop", {"stock": 10}, rules={"/stock": "counter"}, guards=True)
    sale = shop.write_state("/stock", spook.increment(-1), expect={"/stock": spook.at_least(1)})
    sale.status                                      # Pending, Resolving, then Committed or Voided: the same on both sides
    sale.wait(timeout=5)                             # or: await sale

Values are None, bool, int (64 bits), float (finite), str, bytes, and list, tuple and dict (with str keys) of them. What is read is a
copy: changing it changes nothing in the Pair.

All errors are subclasses of SpookError, with .code, .name, .fault, .what, .advice and .detail; those that Python has a word for
are that, too: NotFound is a KeyError, Timeout a TimeoutError, Invalid a ValueError.

For asyncio see spook.aio. Everything can be called from any thread. After os.fork() the child gets Forked: open an engine there.
"""

from __future__ import annotations

import atexit as _atexit
import os as _os

from . import _errors, _spook
from ._errors import *  # noqa: F403
from ._spook import (
    Candidate,
    Expectation,
    Node,
    Operation,
    Pair,
    Subscription,
    __version__,
    absent,
    add,
    at_least,
    at_most,
    between,
    increment,
    open,
    remove,
    unchanged_since,
)
from ._types import (
    DELETE,
    Change,
    Clock,
    ClockAhead,
    Collapse,
    Conflict,
    Divergence,
    EpochChange,
    Event,
    Gap,
    InvalidType,
    Lifecycle,
    Missed,
    Notice,
    OutOfRange,
    PresenceChange,
    Rejection,
    Resolved,
    RuleCandidate,
    RuleFailure,
    Stamp,
    StateID,
    Status,
    Superposed,
    Traffic,
    Transition,
    Value,
    VerdictChange,
    reject,
)

__all__ = [
    "Candidate",
    "Change",
    "Clock",
    "ClockAhead",
    "Collapse",
    "Conflict",
    "DELETE",
    "Divergence",
    "EpochChange",
    "Event",
    "Expectation",
    "Gap",
    "InvalidType",
    "Lifecycle",
    "Missed",
    "Node",
    "Notice",
    "Operation",
    "OutOfRange",
    "Pair",
    "PresenceChange",
    "Rejection",
    "Resolved",
    "RuleCandidate",
    "RuleFailure",
    "Stamp",
    "StateID",
    "Status",
    "Subscription",
    "Superposed",
    "Traffic",
    "Transition",
    "Value",
    "VerdictChange",
    "__version__",
    "absent",
    "add",
    "at_least",
    "at_most",
    "between",
    "increment",
    "open",
    "reject",
    "remove",
    "unchanged_since",
]
__all__ += _errors.__all__

if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(
        before=_spook._before_fork,
        after_in_parent=_spook._after_fork_in_parent,
        after_in_child=_spook._after_fork_in_child,
    )
_atexit.register(_spook._at_exit)
