//! From frames to state.

use super::comparing;
pub use super::fault::Fault;
use super::frame::{Frame, Kind, LAST_PART, MARK_FOLLOWS, MARK_IS_LAST, PLACED_BEHIND, PLACING, PROMPT, TO_THE_END, WANTS_PLACING};
use super::heartbeat::Heartbeat;
use super::hold::{Hold, Item};
use super::host::{Host, Progress};
use super::outgoing::Outgoing;
use super::resume::Start;
use crate::canary::{self, Canary};
use crate::error::Code;
use crate::estp::HalfPair;
use crate::estp::delta::{Baseline, Delta, Ends, ReadDictionary, decode, skip};
use crate::etcp::{TicketId, TicketSecret};
use crate::limits;
use crate::wire::{Malformed, Reader};
use std::collections::BTreeSet;

/// How many slots of Pairs that are not shared here a peer may send.
const REFUSALS: usize = 4096;

/// Why a frame of state was not handled.
enum Stop {
    Fault(Fault),
    /// It holds a stamp that is so many ms ahead of the time of day: nothing of the frame counts yet.
    Early(u64),
}

impl<F: Into<Fault>> From<F> for Stop {
    fn from(fault: F) -> Stop {
        Stop::Fault(fault.into())
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
    /// What came too early, and the frames of state behind it.
    hold: Option<Hold>,
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
    /// How many ms a stamp may be ahead of the time of day.
    pub future_ms: u64,
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
            hold: None,
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
            let begin = plain.len() - reader.left();
            let tag = reader.byte()?;
            match Kind::from_tag(tag) {
                // An offer keeps its place among them: what came before it for the same Pair is not for the half that it begins.
                Ok(kind @ (Kind::Delta | Kind::Part | Kind::Mark | Kind::Offer)) => {
                    let stopped = match self.hold {
                        Some(_) => pass(kind, tag, &mut reader).map_err(Stop::from),
                        None => self.advance(kind, tag, &mut reader, around),
                    };
                    self.keep(stopped, &plain[begin..plain.len() - reader.left()], around)?;
                }
                Ok(Kind::Ack) => self.ack(tag, &mut reader, around)?,
                Ok(kind) => self.control(Frame::read(kind, &mut reader)?, around)?,
                Err(kind) => return Err(Fault::Version(kind)),
            }
        }
        if let Some(mut placed) = self.acknowledged.take() {
            if let Some(hold) = self.hold.as_mut().filter(|_| placed > 0) {
                // What it places is not applied yet.
                hold.push_placing(std::mem::take(&mut placed));
            }
            around.host.acknowledged(self.told, placed);
        }
        Ok(())
    }

    /// Handles one frame of state behind its tag.
    fn advance<H: Host>(&mut self, kind: Kind, tag: u8, reader: &mut Reader<'_>, around: &mut Around<'_, H>) -> Result<(), Stop> {
        match kind {
            Kind::Delta => self.delta(tag, reader, around),
            Kind::Part => self.part(tag, reader, around),
            Kind::Offer => Ok(self.control(Frame::read(kind, reader).map_err(Fault::from)?, around)?),
            _ => Ok(self.mark(tag, reader, around)?),
        }
    }

    fn mark<H: Host>(&mut self, tag: u8, reader: &mut Reader<'_>, around: &mut Around<'_, H>) -> Result<(), Fault> {
        self.advance_mark(reader)?;
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
        Ok(())
    }

    /// Keeps a frame of state if it came too early, or behind one that did.
    fn keep<H: Host>(&mut self, handled: Result<(), Stop>, frame: &[u8], around: &mut Around<'_, H>) -> Result<(), Fault> {
        match handled {
            Err(Stop::Fault(fault)) => return Err(fault),
            Err(Stop::Early(_)) if canary::sings(Canary::DropInsteadOfHold) => {}
            Err(Stop::Early(ahead_ms)) => {
                self.hold = Some(Hold::begin(frame.to_vec(), around.now, ahead_ms, around.future_ms));
                // A peer that fills the queue is refused what it asks for next; what is held stays so.
                let _ = around.outgoing.control(Frame::Held(ahead_ms));
            }
            Ok(()) => {
                if let Some(hold) = &mut self.hold
                    && !hold.push(frame)
                {
                    return Err(Fault::Early(hold.ahead_ms));
                }
            }
        }
        Ok(())
    }

    /// When the time of what is held may have come, in µs.
    pub fn held_until(&self) -> Option<u64> {
        self.hold.as_ref().map(Hold::due)
    }

    /// Handles what was held, as far as its time has come.
    ///
    /// # Errors
    /// As [`Incoming::handle`].
    pub fn release<H: Host>(&mut self, around: &mut Around<'_, H>) -> Result<(), Fault> {
        let Some(mut hold) = self.hold.take_if(|hold| hold.due() <= around.now) else { return Ok(()) };
        while let Some(item) = hold.pop() {
            let frame = match item {
                Item::Frame(frame) => frame,
                Item::Placing(placed) => {
                    around.host.acknowledged(self.told, placed);
                    continue;
                }
            };
            let mut reader = Reader::new(&frame);
            let tag = reader.byte()?;
            let kind = Kind::from_tag(tag).map_err(Fault::Version)?;
            match self.advance(kind, tag, &mut reader, around) {
                Ok(()) => {}
                Err(Stop::Fault(fault)) => return Err(fault),
                Err(Stop::Early(ahead_ms)) => {
                    hold.put_back(frame);
                    hold.wait(around.now, ahead_ms, around.future_ms);
                    self.hold = Some(hold);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether the next message is sealed under the next key; asked once after each message.
    pub fn take_rekey(&mut self) -> bool {
        std::mem::take(&mut self.rekey) && !canary::sings(Canary::RekeyForgotten)
    }

    fn delta<H: Host>(&mut self, tag: u8, reader: &mut Reader<'_>, around: &mut Around<'_, H>) -> Result<(), Stop> {
        let slot = reader.varint()?;
        let before = (self.mark, self.base.clone(), self.dictionary.len());
        if tag & MARK_FOLLOWS != 0 {
            self.advance_mark(reader)?;
        }
        let body = if tag & TO_THE_END != 0 {
            reader.rest()
        } else {
            let length = reader.length(usize::MAX)?;
            reader.bytes(length)?
        };
        let latest = around.latest();
        let Incoming { ends, base, dictionary, .. } = self;
        let applied = around.host.apply(slot, |half| {
            let delta = decode(body, half, slot, *ends, base, Some(&mut *dictionary))?;
            in_time(delta, half, *ends, latest)
        });
        match applied {
            Some(Err(Stop::Early(ahead_ms))) => {
                // Read again when its time has come, from where it was read now.
                (self.mark, self.base) = (before.0, before.1);
                self.dictionary.truncate(before.2);
                return Err(Stop::Early(ahead_ms));
            }
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

    fn part<H: Host>(&mut self, tag: u8, reader: &mut Reader<'_>, around: &mut Around<'_, H>) -> Result<(), Stop> {
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
            return Err(Fault::Peer(format!("a delta of more than {} bytes", limits::STAGED_BYTES)).into());
        }
        let before = staged.body.len();
        if staged.is_shared {
            staged.body.extend_from_slice(bytes);
        }
        if tag & LAST_PART == 0 {
            return Ok(());
        }
        let ends = self.ends;
        let latest = around.latest();
        let mut whole = self.staged.take().filter(|staged| staged.is_shared);
        let applied = whole.as_ref().and_then(|Staged { body, .. }| {
            around.host.apply(slot, |half| {
                let delta = decode(body, half, slot, ends, &mut Baseline::default(), None)?;
                in_time(delta, half, ends, latest)
            })
        });
        match applied {
            Some(Err(Stop::Early(ahead_ms))) => {
                // The last part comes once more when its time has come.
                whole.iter_mut().for_each(|staged| staged.body.truncate(before));
                self.staged = whole;
                return Err(Stop::Early(ahead_ms));
            }
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
            Frame::Ping(token) => Some(Frame::Pong(token, (token != 0).then(|| around.host.wall_ms()))),
            Frame::Pong(token, wall_ms) => {
                if let (Some(sample), Some(there)) = (around.heartbeat.pong(token, around.now), wall_ms) {
                    around.heartbeat.clock(sample, around.host.wall_ms(), there);
                }
                None
            }
            Frame::Held(ahead_ms) => {
                around.host.clock_suspect(ahead_ms);
                None
            }
            Frame::Ephemeral(slot, key, value) => {
                around.host.told_presence(slot, key, value);
                None
            }
            Frame::Unknown(_) => None,
            frame @ (Frame::Digest(..) | Frame::Ask(..) | Frame::Answer(..) | Frame::Differs(..) | Frame::Reseed(..)) => {
                let has_room = comparing::handle(frame, around.host, around.outgoing);
                return if has_room { Ok(()) } else { Err(flood()) };
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
                        around.outgoing.show_all();
                        Frame::Accept(slot)
                    }
                    Err(code) => Frame::RefuseSlot(slot, code),
                })
            }
            Frame::Accept(slot) => {
                around.host.accepted(slot);
                around.outgoing.show_all();
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

impl<H: Host> Around<'_, H> {
    /// The time of day in ms, and the last one that a stamp may bear now.
    fn latest(&mut self) -> Latest {
        let wall = self.host.wall_ms();
        let theirs = wall.saturating_add(self.future_ms);
        Latest { wall, theirs, own: theirs.max(self.host.clock_ms()) }
    }
}

/// Up to which ms stamps are taken.
#[derive(Clone, Copy)]
struct Latest {
    wall: u64,
    /// Those of the peer.
    theirs: u64,
    /// Those of this endpoint, that come back: it cannot have given later ones.
    own: u64,
}

/// Lets a delta pass if no stamp of the peer's in it is too far ahead, and none of this endpoint's later than it can be.
fn in_time(delta: Delta, half: &HalfPair, ends: Ends, latest: Latest) -> Result<Delta, Stop> {
    let is_own = |author| half.vector().author(author).endpoint == ends.receiver.endpoint;
    let of_cells = delta.cells.iter().map(|cell| (cell.version.author, cell.version.stamp));
    let of_log = delta.ordered.iter().flat_map(|ordered| ordered.stamps());
    let mut ahead = None;
    for (author, stamp) in of_cells.chain(of_log) {
        if is_own(author) && stamp.ms() > latest.own {
            return Err(Fault::Peer("a candidate in this endpoint's name, stamped later than its clock".to_owned()).into());
        }
        if !is_own(author) && stamp.ms() > latest.theirs {
            ahead = ahead.max(Some(stamp.ms()));
        }
    }
    ahead.map_or(Ok(delta), |ms| Err(Stop::Early(ms - latest.wall)))
}

/// Reads past a frame of state.
fn pass(kind: Kind, tag: u8, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    if kind != Kind::Offer {
        reader.varint()?;
    }
    if kind == Kind::Delta && tag & MARK_FOLLOWS != 0 {
        reader.varint()?;
    }
    if kind == Kind::Delta && tag & TO_THE_END != 0 {
        reader.rest();
    } else if kind != Kind::Mark {
        let length = reader.length(usize::MAX)?;
        reader.bytes(length)?;
    }
    Ok(())
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
