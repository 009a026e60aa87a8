"""What the calls of spook give besides values and handles."""

from __future__ import annotations

import enum
from typing import Any, Final, Literal, NamedTuple, Optional, Union

from ._errors import Invalid

#: What a state holds. (For type checkers: nested values are not checked, because dict and list are invariant.)
Value = Union[None, bool, int, float, str, bytes, bytearray, memoryview, "list[Any]", "tuple[Any, ...]", "dict[str, Any]"]


class InvalidType(Invalid, TypeError):
    """An argument has a type that the call does not accept. It has the code of Invalid, and is a TypeError as well."""


class OutOfRange(Invalid, OverflowError):
    """An integer does not fit 64 bits. It has the code of Invalid, and is an OverflowError as well."""


class _Delete(enum.Enum):
    DELETE = "DELETE"

    def __repr__(self) -> str:
        return "spook.DELETE"


#: In place of a value in write_state: removes what is at the path.
DELETE: Final = _Delete.DELETE


class Rejection:
    """What a transition gives when it rejects a candidate: spook.reject makes it."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        if not isinstance(reason, str):
            raise TypeError(f"argument 'reason': must be a str, not {type(reason).__name__}")
        self.reason = reason

    def __repr__(self) -> str:
        return f"spook.reject({self.reason!r})"


def reject(reason: str) -> Rejection:
    """For a transition to give in place of a new state: the candidate, all of it, counts for nothing, for this reason."""
    return Rejection(reason)


class StateID(NamedTuple):
    """A state of a Pair."""

    count: int  # type: ignore[assignment]  # The method of tuple is of no use here.
    """How many committed states this half has been through; the other half may count differently."""
    digest: str
    """Equal on every half that holds the same state."""

    def __str__(self) -> str:
        return f"{self.count}:{self.digest}"


class Stamp(NamedTuple):
    """A place in time. Stamps of whatever knows of one another are in order, whatever the clocks do."""

    ms: int
    """Milliseconds since 1970, as the author's clock said, or a little later."""
    counter: int
    """How many of the same millisecond came before."""


class Status(NamedTuple):
    """What became of a write."""

    state: Literal["tentative", "committed", "voided"]
    """Whether it is final: committed, it counts at both sides; voided, it counts at neither."""
    reason: Optional[str]
    """Why it is voided; while it is tentative, why it would be, or what it waits for."""
    verdict: Literal["accepted", "rejected", "undecided"]
    """What the collapse says of it. While it is tentative, that may still change."""
    held_by_peer: bool
    """Whether the other side holds it durably."""

    @property
    def name(self) -> Literal["Pending", "Resolving", "Committed", "Voided"]:
        """For people: Pending until the other side holds it, Resolving until its place is final, then Committed or Voided."""
        if self.state == "tentative":
            return "Resolving" if self.held_by_peer else "Pending"
        return "Committed" if self.state == "committed" else "Voided"

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})" if self.reason else self.name


class Change(NamedTuple):
    """A leaf changed."""

    seq: int
    """Counts the changes of this half from 1, without gaps, since it was opened."""
    path: str
    """Where, as JSON Pointer."""
    value: Any
    """What it is now; None if it was deleted (or is null: see deleted)."""
    deleted: bool
    """Whether there is nothing any more."""
    origin: str
    """The endpoint id of who wrote it."""
    number: int
    """The arrival number of the write or delta that it came with. The changes of one candidate share it."""
    state: Optional[StateID]
    """The state right after it."""

    @property
    def kind(self) -> Literal["change"]:
        """Tells the notices apart; isinstance does, too."""
        return "change"


class Gap(NamedTuple):
    """The observer was slow: of the changes from_seq to to_seq, both included, some are not delivered, because later ones replaced them.

    Whoever keeps a copy of the state reads it again at this point. The changes that follow lead on from there.
    """

    from_seq: int
    to_seq: int

    @property
    def kind(self) -> Literal["gap"]:
        """Tells the notices apart; isinstance does, too."""
        return "gap"


class Lifecycle(NamedTuple):
    """Where a half stands: one name for people, and the three facts behind it."""

    name: str
    """Created, Entangled, Superposed(local), Superposed(remote), Superposed(dual), Collapsing, Decohered, Failed or Closed."""
    link: Literal["created", "entangled", "decohered", "closed"]
    """The link to the peer."""
    reason: Optional[Literal["peer silent", "link lost", "peer closed", "refused", "restarted"]]
    """Why it is down."""
    pending: Literal["clean", "local", "remote", "dual"]
    """Which side has candidates that are not committed."""
    phase: Literal["idle", "collapsing", "failed"]
    """What the half is busy with."""

    def __str__(self) -> str:
        return self.name


class Transition(NamedTuple):
    """The lifecycle of the half took a step. Only for observers that asked for it with lifecycle=True."""

    after_seq: int
    """The seq of the last change before it."""
    before: Lifecycle
    after: Lifecycle

    @property
    def kind(self) -> Literal["transition"]:
        """Tells the notices apart; isinstance does, too."""
        return "transition"


class VerdictChange(NamedTuple):
    """What the collapse says of a candidate with a guard or a transition is another thing now, or became final.

    This and the following are events: only for observers that asked for them with events=True. When many wait, the last one of each subject stays.
    """

    after_seq: int
    """The seq of the last change before it."""
    dot: str
    """The candidate."""
    verdict: Literal["accepted", "rejected", "undecided"]
    """What is said of it."""
    reason: Optional[str]
    """Why, unless it is accepted."""
    committed: bool
    """Whether that is final."""
    cause: Optional[str]
    """The dot of the candidate that brought it about, if one did."""

    @property
    def kind(self) -> Literal["verdict"]:
        """Tells the notices apart; isinstance does, too."""
        return "verdict"


class RuleFailure(NamedTuple):
    """A rule of the application could not decide. It is told once for each cell, until it can again."""

    after_seq: int
    path: str
    """The path that waits for the rule."""
    rule: str
    """The rule, as the schema names it."""
    why: str
    """Why it could not."""

    @property
    def kind(self) -> Literal["rule_failed"]:
        """Tells the notices apart; isinstance does, too."""
        return "rule_failed"


class ClockAhead(NamedTuple):
    """The peer holds back what was written here, because this machine's clock is ahead of the peer's."""

    after_seq: int
    ahead: float
    """By how many seconds."""

    @property
    def kind(self) -> Literal["clock_suspect"]:
        """Tells the notices apart; isinstance does, too."""
        return "clock_suspect"


class PresenceChange(NamedTuple):
    """The peer set or removed one of its values of presence, or went away."""

    after_seq: int
    key: str
    value: Any
    """What it is now; None if it is gone (or is null: see deleted)."""
    deleted: bool
    """Whether it is gone."""

    @property
    def kind(self) -> Literal["presence"]:
        """Tells the notices apart; isinstance does, too."""
        return "presence"


class Divergence(NamedTuple):
    """The halves hold different states, which must not happen: the Pair is Failed from then on."""

    after_seq: int
    mine: str
    """The digest here."""
    theirs: str
    """The digest at the peer."""
    path: Optional[str]
    """The first path where they differ, if it was found."""

    @property
    def kind(self) -> Literal["failed"]:
        """Tells the notices apart; isinstance does, too."""
        return "failed"


class EpochChange(NamedTuple):
    """An author of the Pair goes on under a new epoch: its ledger is a copy, or was restored from one."""

    after_seq: int
    mine: bool
    """Whether it is this endpoint."""
    epoch: int

    @property
    def kind(self) -> Literal["epoch_changed"]:
        """Tells the notices apart; isinstance does, too."""
        return "epoch_changed"


class Missed(NamedTuple):
    """The observer was slow, and events are not delivered: more were about different things than the queue holds."""

    after_seq: int
    events: int
    """How many."""

    @property
    def kind(self) -> Literal["missed"]:
        """Tells the notices apart; isinstance does, too."""
        return "missed"


#: What happens to a Pair besides changes of its state and its lifecycle.
Event = Union[VerdictChange, RuleFailure, ClockAhead, PresenceChange, Divergence, EpochChange, Missed]

#: What an observer is told. Without lifecycle=True and events=True that is a Change or a Gap.
Notice = Union[Change, Gap, Transition, Event]


class Superposed(NamedTuple):
    """One of several candidates of a cell."""

    value: Any
    """What it wrote; of a counter, the total of its author. None if it deleted (or wrote null: see deleted)."""
    deleted: bool
    """Whether it deleted."""
    origin: str
    """The endpoint id of who wrote it."""
    dot: str
    """Its name."""
    stamp: Stamp
    """Its place in time."""
    committed: bool
    """Whether it is final on both sides."""


class Conflict(NamedTuple):
    """A cell that holds several candidates which know nothing of each other."""

    path: str
    """Where, as JSON Pointer."""
    candidates: "list[Superposed]"
    """In the order in which the rule takes them."""
    failure: Optional[str]
    """Why the rule could not say what they come to; then the last one shows."""


class Resolved(NamedTuple):
    """A conflict that is over: all its candidates are committed."""

    path: str
    """Where, as JSON Pointer."""
    value: Any
    """What came of it; None if it was deleted (or is null: see deleted)."""
    deleted: bool
    """Whether there is nothing any more."""
    candidates: int
    """How many candidates there were."""


class RuleCandidate(NamedTuple):
    """A candidate as a rule sees it."""

    value: Any
    """The value that it gives; None if it deletes (or gives null: see deleted)."""
    deleted: bool
    """Whether it deletes."""
    origin: str
    """The endpoint id of who wrote it."""
    dot: str
    """Its name."""
    stamp: Stamp
    """Its place in time."""


class Clock(NamedTuple):
    """How the clocks of the two sides of a Pair stand to each other."""

    offset: Optional[float]
    """By how many seconds the peer's time of day is ahead of this machine's, once that was measured on the present link."""
    suspect: Optional[float]
    """By how many seconds what is written here is stamped too far ahead; the peer holds it until its time comes. None if all is well."""


class Collapse(NamedTuple):
    """What a collapse found."""

    state: StateID
    settled: bool
    """Whether everything is committed: final on both sides."""
    resolved: "list[Resolved]"
    """The conflicts that came to an end since the last collapse here, at most the last 1,024."""
    registers: "dict[str, str]"
    """The QStateVector: the digest of each register that the schema names, all as of the same moment."""


class Traffic(NamedTuple):
    """Bytes and messages that an engine has exchanged with its peers since it was opened."""

    bytes_sent: int
    bytes_received: int
    messages_sent: int
    """Sealed messages, handshakes not counted."""
    messages_received: int
    handshakes: int
