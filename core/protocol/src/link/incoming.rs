//! From frames to state.

use super::frame::{
    Frame, Kind, LAST_PART, MARK_FOLLOWS, MARK_IS_LAST, OPTIONAL, PLACED_BEHIND, PLACING, PROMPT, TO_THE_END, WANTS_PLACING,
};
use super::heartbeat::Heartbeat;
use super::host::{Host, Progress};
use super::outgoing::Outgoing;
use super::resume::Start;
use crate::error::Code;
use crate::estp::delta::{Baseline, DeltaError, Ends, ReadDictionary, decode, skip};
use crate::estp::half::Violation;
use crate::etcp::{TicketId, TicketSecret};
use crate::limits;
use crate::wire::{Malformed, Reader};
use std::collections::BTreeSet;
use std::fmt;

/// How many slots of Pairs that are not shared here a peer may send.
const REFUSALS: usize = 4096;

/// Why a link ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The peer sent what the protocol does not allow.
    Peer(String),
    /// The peer is newer, and needs what this version does not know.
    Version(u8),
    /// The peer closed the link, with its reason.
    Closed(Code, String),
}

impl Fault {
    /// The permanent code.
    pub fn code(&self) -> Code {
        match self {
            Fault::Peer(_) => Code::Protocol,
            Fault::Version(_) => Code::Version,
            Fault::Closed(code, _) => *code,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Peer(what) => write!(out, "the peer sent {what}"),
            Fault::Version(kind) => write!(out, "the peer sent a mandatory frame of kind {kind}, which this version does not know"),
            Fault::Closed(code, text) => write!(out, "the peer closed the link: {} {text}", code.name()),
        }
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Fault {
        Fault::Peer(format!("a {malformed}"))
    }
}

impl From<DeltaError> for Fault {
    fn from(error: DeltaError) -> Fault {
        Fault::Peer(error.to_string())
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Fault {
        Fault::Peer(violation.to_string())
    }
}

/// The receiving direction of a link.
#[derive(Debug)]
pub struct Incoming {
    ends: Ends,
    base: Baseline,
    dictionary: ReadDictionary,
    mark: u64,
    told: Progress,
    /// What an acknowledgement in the message at hand places, once all of the message is applied.
    acknowledged: Option<u64>,
    /// The last own number that may have been told on an earlier link.
    last: u64,
    staged: Option<Staged>,
    /// Slots of Pairs that are not shared here, as the peer was told.
    refused: BTreeSet<u64>,
    rekey: bool,
}

/// A delta that comes in parts.
#[derive(Debug)]
struct Staged {
    slot: u64,
    body: Vec<u8>,
    /// Nothing is kept of a Pair that is not shared here.
    is_shared: bool,
}

/// What the frames of one message may touch besides the direction itself.
pub struct Around<'a, H> {
    /// The engine.
    pub host: &'a mut H,
    /// The other direction.
    pub outgoing: &'a mut Outgoing,
    /// The heartbeat.
    pub heartbeat: &'a mut Heartbeat,
    /// The time in µs.
    pub now: u64,
}

impl Incoming {
    /// Begins where the two ends agreed to. `told` is what the peer said of its progress in the handshake.
    pub fn new(start: &Start, told: Progress) -> Incoming {
        Incoming {
            ends: Ends { sender: start.ends.receiver, receiver: start.ends.sender },
            base: Baseline::default(),
            dictionary: ReadDictionary::default(),
            mark: start.receive_after,
            told,
            acknowledged: None,
            last: start.last,
            staged: None,
            refused: BTreeSet::new(),
            rekey: false,
        }
    }

    /// Handles all frames of one message.
    ///
    /// # Errors
    /// [`Fault`]: the link cannot go on. What was applied before the fault stays applied; a delta is applied whole or not at all.
    pub fn handle<H: Host>(&mut self, plain: &[u8], around: &mut Around<'_, H>) -> Result<(), Fault> {
        let mut reader = Reader::new(plain);
        while !reader.is_empty() {
            let tag = reader.byte()?;
            match Kind::from_tag(tag) {
                Ok(Kind::Delta) => self.delta(tag, &mut reader, around)?,
                Ok(Kind::Part) => self.part(tag, &mut reader, around)?,
                Ok(Kind::Mark) => {
                    self.advance_mark(&mut reader)?;
                    around.host.received_up_to(self.mark);
                    if tag & WANTS_PLACING != 0 {
                        around.outgoing.owe_placing();
                    }
                    // A mark without cells: unless somebody waits, its acknowledgement can wait for company.
                    if tag & PROMPT != 0 {
                        self.owe(tag, around);
                    } else {
                        around.outgoing.owe_news(around.now);
                    }
                }
                Ok(Kind::Ack) => self.ack(tag, &mut reader, around)?,
                Ok(kind) => self.control(Frame::read(kind, &mut reader)?, around)?,
                Err(kind) if kind == OPTIONAL => {
                    let length = reader.length(usize::MAX)?;
                    reader.bytes(length)?;
                }
                Err(kind) => return Err(Fault::Version(kind)),
            }
        }
        if let Some(placed) = self.acknowledged.take() {
            around.host.acknowledged(self.told, placed);
        }
        Ok(())
    }

    /// Whether the next message is sealed under the next key; asked once after each message.
    pub fn take_rekey(&mut self) -> bool {
        std::mem::take(&mut self.rekey)
    }

    fn delta<H: Host>(&mut self, tag: u8, reader: &mut Reader<'_>, around: &mut Around<'_, H>) -> Result<(), Fault> {
        let slot = reader.varint()?;
        if tag & MARK_FOLLOWS != 0 {
            self.advance_mark(reader)?;
        }
        let body = if tag & TO_THE_END != 0 {
            reader.rest()
        } else {
            let length = reader.length(usize::MAX)?;
            reader.bytes(length)?
        };
        let Incoming { ends, base, dictionary, .. } = self;
        let applied = around.host.apply(slot, |half| decode(body, half, slot, *ends, base, Some(&mut *dictionary)).map_err(Fault::from));
        match applied {
            Some(applied) => {
                applied?;
            }
            None => {
                skip(body, *ends, base, dictionary)?;
                self.refuse(slot, around)?;
            }
        }
        if tag & MARK_IS_LAST != 0 {
            if self.base.number < self.mark {
                return Err(Malformed("mark").into());
            }
            self.mark = self.base.number;
        }
        if tag & (MARK_IS_LAST | MARK_FOLLOWS) != 0 {
            around.host.received_up_to(self.mark);
        }
        self.owe(tag, around);
        Ok(())
    }

    fn part<H: Host>(&mut self, tag: u8, reader: &mut Reader<'_>, around: &mut Around<'_, H>) -> Result<(), Fault> {
        let slot = reader.varint()?;
        let length = reader.length(usize::MAX)?;
        let bytes = reader.bytes(length)?;
        let staged = match &mut self.staged {
            Some(staged) => staged,
            None => {
                let is_shared = around.host.with_half(slot, |_| ()).is_some();
                self.staged.insert(Staged { slot, body: Vec::new(), is_shared })
            }
        };
        if staged.slot != slot {
            return Err(Malformed("part of another delta").into());
        }
        if staged.body.len() + bytes.len() > limits::STAGED_BYTES {
            return Err(Fault::Peer(format!("a delta of more than {} bytes", limits::STAGED_BYTES)));
        }
        if staged.is_shared {
            staged.body.extend_from_slice(bytes);
        }
        if tag & LAST_PART == 0 {
            return Ok(());
        }
        let ends = self.ends;
        let whole = self.staged.take().filter(|staged| staged.is_shared);
        let applied = whole.and_then(|Staged { body, .. }| {
            around.host.apply(slot, |half| decode(&body, half, slot, ends, &mut Baseline::default(), None).map_err(Fault::from))
        });
        match applied {
            Some(applied) => {
                applied?;
            }
            None => self.refuse(slot, around)?,
        }
        self.owe(tag, around);
        Ok(())
    }

    /// A Pair that this engine does not share is refused, once, and the link goes on with the others.
    fn refuse<H: Host>(&mut self, slot: u64, around: &mut Around<'_, H>) -> Result<(), Fault> {
        if self.refused.len() == REFUSALS {
            return Err(flood());
        }
        let told = !self.refused.insert(slot) || around.outgoing.control(Frame::RefuseSlot(slot, Code::Refused));
        if told { Ok(()) } else { Err(flood()) }
    }

    fn owe<H: Host>(&self, tag: u8, around: &mut Around<'_, H>) {
        if tag & PROMPT != 0 {
            around.outgoing.owe_prompt_ack(around.now, self.mark);
        } else {
            around.outgoing.owe_ack(around.now, false);
        }
    }

    fn advance_mark(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        self.mark = self.mark.checked_add(reader.varint()?).ok_or(Malformed("mark"))?;
        Ok(())
    }

    fn ack<H: Host>(&mut self, tag: u8, reader: &mut Reader<'_>, around: &mut Around<'_, H>) -> Result<(), Fault> {
        let held = self.told.held.checked_add(reader.varint()?).ok_or(Malformed("acknowledgement"))?;
        let durable = self.told.durable.checked_add(reader.varint()?).ok_or(Malformed("acknowledgement"))?;
        let placed = match tag & (PLACING | PLACED_BEHIND) {
            0 => 0,
            PLACING => held,
            _ => held.checked_sub(reader.varint()?).ok_or(Malformed("acknowledgement"))?,
        };
        // Marks of earlier links count as well: the peer may have made durable what they told after it had said in the handshake how far it was.
        if held > around.outgoing.marked().max(self.last) {
            return Err(Fault::Peer("an acknowledgement of what was not sent".to_owned()));
        }
        self.told = Progress { held, durable };
        around.outgoing.peer_holds(held);
        // What it places is what stands in this message, too.
        self.acknowledged = Some(self.acknowledged.unwrap_or(0).max(placed));
        Ok(())
    }

    fn control<H: Host>(&mut self, frame: Frame, around: &mut Around<'_, H>) -> Result<(), Fault> {
        let answer = match frame {
            Frame::Ping(token) => Some(Frame::Pong(token)),
            Frame::Pong(token) => {
                around.heartbeat.pong(token, around.now);
                None
            }
            Frame::Close(code, text) => return Err(Fault::Closed(code, text)),
            Frame::Rekey => {
                self.rekey = true;
                None
            }
            Frame::Redeem(secret) => Some(redeem(TicketSecret::from_bytes(secret), around)),
            Frame::Offer(offer) => {
                let slot = offer.slot;
                Some(match around.host.offered(offer) {
                    Ok(()) => {
                        self.refused.remove(&slot);
                        Frame::Accept(slot)
                    }
                    Err(code) => Frame::RefuseSlot(slot, code),
                })
            }
            Frame::Accept(slot) => {
                around.host.accepted(slot);
                None
            }
            Frame::RefuseTicket(ticket, code) => {
                around.host.ticket_refused(ticket, code);
                None
            }
            Frame::RefuseSlot(slot, code) => {
                around.host.slot_refused(slot, code);
                None
            }
        };
        let told = answer.is_none_or(|frame| around.outgoing.control(frame));
        if told { Ok(()) } else { Err(flood()) }
    }
}

fn redeem<H: Host>(secret: TicketSecret, around: &mut Around<'_, H>) -> Frame {
    let ticket: TicketId = secret.id();
    match around.host.redeem(secret) {
        Ok(offer) => {
            around.outgoing.send_whole(offer.slot);
            Frame::Offer(offer)
        }
        Err(code) => Frame::RefuseTicket(ticket, code),
    }
}

fn flood() -> Fault {
    Fault::Peer("more requests than it takes answers to".to_owned())
}
