//! From state to frames: what the peer lacks, computed when the transport can take it.
//!
//! There is no queue of changes. The link remembers how far each Pair was sent, and asks which Pairs changed since; a slow peer costs nothing but
//! that, and gets the newest state.

use super::frame::{Frame, Kind, LAST_PART, MARK_FOLLOWS, MARK_IS_LAST, PLACED_BEHIND, PLACING, PROMPT, TO_THE_END, WANTS_PLACING};
use super::host::{Host, Progress};
use super::parts::{Encoded, Last, PIECE, Staged, may_go_in_pieces, put_cells, stand_alone};
use super::presence::Unsent;
use super::resume::{Lost, Start};
use crate::canary::{self, Canary};
use crate::estp::delta::{Baseline, Cut, Encoder, Ends, Plan, WriteDictionary};
use crate::wire::put_varint;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// A message is closed when it has grown to this many bytes.
const MESSAGE_GOAL: usize = PIECE;
/// A delta of more bytes travels in parts.
const WHOLE_DELTA: usize = 32 << 10;
/// Bytes of one message: it fits into a Noise message, and into the welcome of a handshake beside addresses and cursor.
const MESSAGE_BYTES: usize = 60 << 10;
/// Most bytes of a part's tag, slot and length, of the mark behind it, and of an acknowledgement.
const PART_HEAD: usize = 64;
/// How long an acknowledgement waits for something to ride on, in µs.
const ACK_DELAY: u64 = 20_000;
/// How long the news that the own ledger has got further waits for an acknowledgement to go with, in µs.
const NEWS_DELAY: u64 = 100_000;
/// Control frames that wait; more than a peer that keeps to the protocol can cause.
const CONTROL_FRAMES: usize = 1024;

/// The sending direction of a link.
#[derive(Debug)]
pub struct Outgoing {
    ends: Ends,
    base: Baseline,
    dictionary: WriteDictionary,
    start: u64,
    lost: Lost,
    peer_lost: Lost,
    peer_holds: u64,
    among_copies: bool,
    /// Up to which number each Pair was sent on this link, by slot.
    sent: BTreeMap<u64, u64>,
    /// Pairs that go in pieces, and what is left of them.
    plans: BTreeMap<u64, Plan>,
    /// Slots of Pairs that changed, and up to which number that list was complete.
    queue: Vec<u64>,
    listed: u64,
    /// What was held here when that list was made; `None` before the first one. What it acknowledges was applied before, so that everything issued
    /// before that is on the list.
    vouched: Option<u64>,
    /// Slots of Pairs whose deltas are too large for one message, waiting for their turn.
    large: Vec<u64>,
    /// Everything up to here was sent; and up to where the peer was told so.
    done: u64,
    marked: u64,
    /// Something was sent since the last mark.
    owes_mark: bool,
    staged: Option<Staged>,
    control: VecDeque<Frame>,
    unsent: Unsent,
    /// All that is shown from here has to be sent.
    shows_all: bool,
    told: Progress,
    /// Up to which of the peer's numbers an acknowledgement on this link was placing; at first, what the cursor said is taken to be placed.
    placed: u64,
    /// The peer knows no placing acknowledgement of what it heard in the handshake.
    owes_placing: bool,
    /// It is not decided yet whether the same has to be asked of the peer.
    may_ask: bool,
    ack_due: Option<u64>,
    /// The peer has somebody waiting for an acknowledgement that is not durable yet.
    owes_prompt: bool,
    wants_prompt: bool,
    /// Only control frames are sent.
    closing: bool,
    scratch: Vec<u8>,
}

impl Outgoing {
    /// Begins where the two ends agreed to.
    pub fn new(start: &Start, told: Progress) -> Outgoing {
        Outgoing {
            ends: start.ends,
            base: Baseline::default(),
            dictionary: WriteDictionary::default(),
            start: start.send_after,
            lost: start.lost,
            among_copies: start.among_copies,
            peer_lost: start.peer_lost,
            peer_holds: start.send_after,
            sent: BTreeMap::new(),
            plans: BTreeMap::new(),
            queue: Vec::new(),
            listed: start.send_after,
            vouched: None,
            large: Vec::new(),
            done: start.send_after,
            marked: start.counts_from,
            owes_mark: false,
            staged: None,
            control: VecDeque::new(),
            unsent: Unsent::default(),
            shows_all: false,
            told,
            placed: told.held,
            owes_placing: false,
            may_ask: true,
            ack_due: None,
            owes_prompt: false,
            wants_prompt: false,
            closing: false,
            scratch: Vec::new(),
        }
    }

    /// Sends a control frame with the next message.
    ///
    /// Returns whether there was room; a peer that causes more than a link holds is breaking the protocol.
    #[must_use]
    pub fn control(&mut self, frame: Frame) -> bool {
        let room = self.control.len() < CONTROL_FRAMES;
        if room {
            self.control.push_back(frame);
        }
        room
    }

    /// The mark up to which the peer has somebody waiting for the acknowledgement: it goes as soon as that much is durable.
    pub fn owe_prompt_ack(&mut self, now: u64, mark: u64) {
        self.owe_ack(now, mark > self.told.held);
    }

    /// Something that wants an acknowledgement was applied at `now`. `prompt`: the peer has somebody waiting for it.
    pub fn owe_ack(&mut self, now: u64, prompt: bool) {
        self.owes_prompt |= prompt;
        let due = if self.owes_prompt { now } else { now + ACK_DELAY };
        self.ack_due = Some(self.ack_due.map_or(due, |at| at.min(due)));
    }

    /// There is something to tell that can wait for an acknowledgement to go with.
    pub fn owe_news(&mut self, now: u64) {
        self.ack_due.get_or_insert(now + NEWS_DELAY);
    }

    /// The peer asks for an acknowledgement that is placing.
    pub fn owe_placing(&mut self) {
        self.owes_placing = true;
    }

    /// What is shown in the Pair of a slot under a key has changed.
    pub fn show(&mut self, slot: u64, key: String) {
        self.unsent.note(slot, key);
    }

    /// All that is shown from here is to be sent.
    pub fn show_all(&mut self) {
        self.shows_all = true;
    }

    /// Somebody here waits for the peer's acknowledgement.
    pub fn want_prompt(&mut self) {
        self.wants_prompt = true;
    }

    /// The peer holds this engine's numbers up to `number` durably.
    pub fn peer_holds(&mut self, number: u64) {
        self.peer_holds = self.peer_holds.max(number);
    }

    /// A Pair has to be sent from its beginning: it is new to the peer.
    pub fn send_whole(&mut self, slot: u64) {
        self.sent.insert(slot, 0);
        self.plans.remove(&slot);
        self.dictionary.forget(slot);
        if !self.waits(slot) && !self.queue.contains(&slot) {
            self.queue.push(slot);
        }
    }

    /// The link ends: this is the last frame, and nothing but control frames goes before it.
    pub fn close(&mut self, frame: Frame) {
        // One answer less to a peer that has filled the queue.
        self.control.truncate(CONTROL_FRAMES - 1);
        self.control.push_back(frame);
        self.ack_due = None;
        self.closing = true;
    }

    /// Everything up to this number was sent and told.
    pub fn marked(&self) -> u64 {
        self.marked
    }

    /// When an acknowledgement has to go even if nothing else does, in µs.
    pub fn deadline(&self) -> Option<u64> {
        self.ack_due
    }

    /// Appends the frames of one message to `plain`, at most [`MESSAGE_BYTES`]. Nothing is appended when there is nothing to say.
    pub fn fill(&mut self, now: u64, host: &mut impl Host, plain: &mut Vec<u8>) {
        let begin = plain.len();
        self.put_control(plain, begin);
        if self.closing {
            return;
        }
        let at = plain.len();
        self.put_presence(host, plain, begin);
        let progress = host.progress();
        self.put_deltas(host, plain, begin, progress);
        self.put_part(plain, begin);
        self.put_ack(now, progress, plain, begin..at);
        self.put_mark(host, plain, begin);
    }

    /// Appends the frames for a welcome: what the peer lacks. There is no acknowledgement among them: what it would say stands in the cursor beside it,
    /// and the host does not know yet that the peer may have begun another epoch, whose numbers it would have to speak of.
    pub fn fill_first(&mut self, host: &mut impl Host, plain: &mut Vec<u8>) {
        let begin = plain.len();
        self.put_deltas(host, plain, begin, self.told);
        self.put_part(plain, begin);
        self.put_mark(host, plain, begin);
    }

    fn put_control(&mut self, plain: &mut Vec<u8>, begin: usize) {
        while plain.len() - begin < MESSAGE_GOAL
            && let Some(frame) = self.control.pop_front()
        {
            frame.put(plain);
        }
    }

    fn put_presence(&mut self, host: &mut impl Host, plain: &mut Vec<u8>, begin: usize) {
        if std::mem::take(&mut self.shows_all) {
            host.all_shown().into_iter().for_each(|(slot, key)| self.unsent.note(slot, key));
        }
        while plain.len() - begin < MESSAGE_GOAL
            && let Some((slot, key)) = self.unsent.take()
        {
            let value = host.shown(slot, &key);
            Frame::Ephemeral(slot, key, value).put(plain);
        }
    }

    /// Puts an acknowledgement behind the control frames at `head`, and before what was listed: it places what was held when the list was made.
    ///
    /// That the own ledger has got further is news that can wait, and is told with the next acknowledgement of the peer's state.
    fn put_ack(&mut self, now: u64, progress: Progress, plain: &mut Vec<u8>, head: Range<usize>) {
        let due = self.ack_due.is_some_and(|at| at <= now);
        let placeable = self.vouched.filter(|_| self.is_through());
        // What was told while the list was on its way is placed now, or the peer asks for it.
        let places = placeable.is_some_and(|held| held.min(self.told.held) > self.placed || self.owes_placing);
        let has_news = progress.held > self.told.held || (due && progress != self.told);
        let rides = plain.len() > head.start;
        if !places && !(has_news && (due || rides)) {
            if due {
                // What is owed is not durable yet: whoever makes it durable asks again.
                self.ack_due = None;
            }
            if !has_news && progress != self.told {
                self.owe_news(now);
            }
            return;
        }
        let mut frame = vec![Kind::Ack as u8];
        put_varint(&mut frame, progress.held.saturating_sub(self.told.held));
        put_varint(&mut frame, progress.durable.saturating_sub(self.told.durable));
        if let Some(held) = placeable.filter(|held| places || *held > self.placed || *held == progress.held) {
            frame[0] |= PLACING;
            if held < progress.held {
                frame[0] |= PLACED_BEHIND;
                put_varint(&mut frame, progress.held - held);
            }
            self.placed = held;
            self.owes_placing = false;
        }
        plain.splice(head.end..head.end, frame);
        self.owes_prompt &= progress.held == self.told.held;
        self.told = progress;
        self.ack_due = None;
    }

    /// A part takes the room that is left: what changed in other Pairs goes first, so that a large delta holds up nothing.
    fn put_part(&mut self, plain: &mut Vec<u8>, begin: usize) {
        let Some(staged) = &mut self.staged else { return };
        let room = MESSAGE_BYTES.saturating_sub(plain.len() - begin + PART_HEAD);
        let end = staged.body.len().min(staged.at + room);
        let last = end == staged.body.len();
        plain.push(Kind::Part as u8 | if last { LAST_PART } else { 0 });
        put_varint(plain, staged.slot);
        put_varint(plain, (end - staged.at) as u64);
        plain.extend_from_slice(&staged.body[staged.at..end]);
        staged.at = end;
        if last {
            if staged.again {
                self.queue.push(staged.slot);
            }
            self.staged = None;
            self.owes_mark = true;
            self.conclude();
        }
    }

    /// Whether everything that was listed has been sent.
    fn is_through(&self) -> bool {
        self.queue.is_empty() && self.large.is_empty() && self.staged.is_none()
    }

    fn conclude(&mut self) {
        if self.is_through() || canary::sings(Canary::MarkTooFar) {
            self.done = self.listed;
        }
    }

    fn put_deltas(&mut self, host: &mut impl Host, plain: &mut Vec<u8>, begin: usize, progress: Progress) {
        if self.queue.is_empty() {
            let Some(complete) = host.changed_after(self.listed, &mut self.queue) else { return };
            self.listed = complete;
            self.vouched = Some(progress.held);
        }
        if self.staged.is_none() {
            // It takes the room that the others leave.
            self.large.pop().into_iter().for_each(|slot| self.queue.insert(0, slot));
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut last: Option<Last> = None;
        while plain.len() - begin + scratch.len() < MESSAGE_GOAL
            && let Some(slot) = self.queue.pop()
        {
            if self.waits(slot) {
                continue;
            }
            match self.encode(host, slot, &mut scratch) {
                Encoded::Nothing => {}
                Encoded::NotYet => {
                    self.queue.push(slot);
                    break;
                }
                Encoded::Whole(body) => {
                    if let Some(before) = last.replace(Last { slot, body }) {
                        self.put_delta(plain, &before, &scratch, false);
                    }
                }
            }
        }
        self.conclude();
        if let Some(last) = last {
            self.owes_mark = true;
            self.put_delta(plain, &last, &scratch, self.staged.is_none());
        }
        scratch.clear();
        self.scratch = scratch;
    }

    /// Whether a Pair that changed has to wait until a large delta, its own or one before it, has gone.
    fn waits(&mut self, slot: u64) -> bool {
        match &mut self.staged {
            Some(staged) if staged.slot == slot => {
                staged.again = true;
                true
            }
            _ => self.large.contains(&slot),
        }
    }

    /// Encodes what the peer lacks of one Pair behind what `scratch` holds.
    fn encode(&mut self, host: &mut impl Host, slot: u64, scratch: &mut Vec<u8>) -> Encoded {
        let from = scratch.len();
        let after = self.sent.get(&slot).copied().unwrap_or(self.start);
        let Outgoing { lost: sender_lost, peer_lost: receiver_lost, peer_holds: receiver_holds, among_copies, .. } = *self;
        let mut cut = Cut { after, receiver_lost, receiver_holds, sender_lost, among_copies };
        let (base, entries, ends, marked) = (self.base.clone(), self.dictionary.len(), self.ends, self.marked);
        let mut plan = self.plans.remove(&slot);
        let mut encoder = Encoder { ends, base: base.clone(), dictionary: Some(&mut self.dictionary) };
        let is_free = self.staged.is_none();
        let encoded = host.with_half(slot, |half| {
            if half.joined() > after {
                // The peer knows nothing of the Pair, not even what it may once have written into it.
                cut.after = 0;
                cut.receiver_lost = Lost { from: 0, to: u64::MAX };
            }
            if half.joined() > cut.receiver_holds {
                cut.receiver_holds = 0;
            }
            let mut put = put_cells(&mut encoder, half, slot, cut, plan.as_ref(), scratch);
            if scratch.len() - from > WHOLE_DELTA && plan.is_none() && may_go_in_pieces(half) {
                scratch.truncate(from);
                encoder.base = base;
                encoder.dictionary.iter_mut().for_each(|dictionary| dictionary.truncate(entries));
                plan = Some(Plan::new(&encoder, half, cut));
                put = put_cells(&mut encoder, half, slot, cut, plan.as_ref(), scratch);
            }
            half.note_told(half.last_written());
            let is_large = scratch.len() - from > WHOLE_DELTA;
            let body = (is_large && is_free).then(|| stand_alone(ends, half, slot, cut, plan.as_ref()));
            // An own candidate that the peer gave back is not sent, and still has to be acknowledged to be committed.
            let is_unmarked = half.last_written().max(half.joined()) > marked;
            (put, is_large, body, half.last_change(), is_unmarked)
        });
        let (moved, Some(((count, next), is_large, body, up_to, is_unmarked))) = (encoder.base, encoded) else { return Encoded::Nothing };
        // Written since the list was made: that was vouched for, this was not.
        let may_leave = up_to <= self.listed || host.changed_after(u64::MAX, &mut Vec::new()).is_some();
        if count == 0 || is_large || !may_leave {
            scratch.truncate(from);
            self.dictionary.truncate(entries);
        }
        if !may_leave || (is_large && body.is_none()) {
            self.plans.extend(plan.map(|plan| (slot, plan)));
            if may_leave {
                self.large.push(slot);
            }
            return if may_leave { Encoded::Nothing } else { Encoded::NotYet };
        }
        self.went(slot, plan, next, up_to);
        self.owes_mark |= is_unmarked;
        if count == 0 || is_large {
            self.staged = self.staged.take().or(body.map(|body| Staged { slot, body, at: 0, again: false }));
            return Encoded::Nothing;
        }
        self.base = moved;
        Encoded::Whole(from..scratch.len())
    }

    /// What was encoded of a Pair goes: all up to a number, or a piece of a plan.
    fn went(&mut self, slot: u64, plan: Option<Plan>, next: usize, up_to: u64) {
        let Some(mut plan) = plan else {
            self.sent.insert(slot, up_to);
            return;
        };
        plan.go_on(next);
        match plan.done() {
            None => {
                self.plans.insert(slot, plan);
                self.large.push(slot);
            }
            Some(done) => {
                self.sent.insert(slot, done);
                if up_to > done {
                    // What has changed since the plan was made.
                    self.queue.insert(0, slot);
                }
            }
        }
    }

    fn put_delta(&mut self, plain: &mut Vec<u8>, delta: &Last, scratch: &[u8], is_last: bool) {
        let at = plain.len();
        plain.push(Kind::Delta as u8);
        put_varint(plain, delta.slot);
        let mut flags = 0;
        if is_last && self.done > self.marked {
            self.owes_mark = false;
            if self.done == self.base.number && self.base.author.is_none() {
                flags |= MARK_IS_LAST;
            } else {
                flags |= MARK_FOLLOWS;
                put_varint(plain, self.done - self.marked);
            }
            self.marked = self.done;
        }
        if is_last {
            flags |= TO_THE_END;
            // Who waits, waits for the mark.
            if self.is_through() && std::mem::take(&mut self.wants_prompt) {
                flags |= PROMPT;
            }
        } else {
            put_varint(plain, delta.body.len() as u64);
        }
        plain[at] |= flags;
        plain.extend_from_slice(&scratch[delta.body.clone()]);
    }

    /// A mark rides on messages that go anyway. It goes alone when something was sent that no mark has covered yet, when somebody waits for an
    /// acknowledgement that was not asked for promptly, and to ask for a placing one.
    fn put_mark(&mut self, host: &mut impl Host, plain: &mut Vec<u8>, begin: usize) {
        let is_due = self.done > self.marked && (self.owes_mark || plain.len() > begin);
        let is_waited_for = self.wants_prompt && self.is_through() && self.peer_holds < self.done.max(self.marked);
        let mut flags = 0;
        if self.may_ask && self.is_through() && self.vouched.is_some() {
            self.may_ask = false;
            // A mark on this link is acknowledged anyway. Without one, nothing may come that places what the peer held when the link began.
            // Numbers may have been taken since, for what came from the peer: they make no mark due.
            if !is_due && self.marked == self.start && host.placed() < self.start {
                flags |= WANTS_PLACING;
            }
        }
        if is_due || is_waited_for || flags != 0 {
            if std::mem::take(&mut self.wants_prompt) {
                flags |= PROMPT;
            }
            plain.push(Kind::Mark as u8 | flags);
            put_varint(plain, self.done - self.marked);
            self.marked = self.done;
            self.owes_mark = false;
        }
    }
}
