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


class StateID(NamedTuple):
    """A state of a Pair."""

    count: int  # type: ignore[assignment]  # The method of tuple is of no use here.
    """How many settled states this half has been through."""
    digest: str
    """Equal on every half that holds the same state."""

    def __str__(self) -> str:
        return f"{self.count}:{self.digest}"


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
        """Tells a Change, a Gap and a Transition apart; isinstance does, too."""
        return "change"


class Gap(NamedTuple):
    """The observer was slow: of the changes from_seq to to_seq, both included, some are not delivered, because later ones replaced them.

    Whoever keeps a copy of the state reads it again at this point. The changes that follow lead on from there.
    """

    from_seq: int
    to_seq: int

    @property
    def kind(self) -> Literal["gap"]:
        """Tells a Change, a Gap and a Transition apart; isinstance does, too."""
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
    """Which side has candidates that are not known to be durable on both."""
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
        """Tells a Change, a Gap and a Transition apart; isinstance does, too."""
        return "transition"


#: What an observer is told.
Notice = Union[Change, Gap, Transition]


class Collapse(NamedTuple):
    """What a collapse found."""

    state: StateID
    settled: bool
    """Whether everything is durable on both sides."""


class Traffic(NamedTuple):
    """Bytes and messages that an engine has exchanged with its peers since it was opened."""

    bytes_sent: int
    bytes_received: int
    messages_sent: int
    """Sealed messages, handshakes not counted."""
    messages_received: int
    handshakes: int
