//! How two ledgers know each other again.
//!
//! Every link leaves the same 32 random bits in the ledgers of both ends, durable before anything is sent over it, and the next hello has to show
//! them. A ledger that is a copy, or was restored from one, does not know of the links that the other copy had since: it shows old ones, is told so,
//! and goes on under a new author epoch before anything that it writes can be taken for what the other copy wrote.
//!
//! The end that answers cannot know whether its answer arrives. So it keeps both, the meeting that it offers and the last one that is certain, until
//! the other end has sent something over the new link; that end keeps only the new one, before it sends anything. A stop at any moment leaves one
//! that both have.

use crate::link::{Held, Lost, Progress};
use crate::wire::{Malformed, Reader, put_varint};

/// One link, as both of its ends remember it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Meeting {
    /// The how-manieth link it was between the two author epochs, from 1; 0 stands for none.
    pub count: u64,
    /// 32 bits of its handshake's hash.
    pub token: u32,
}

/// What one ledger remembers of its links with another: those between its present author epoch and one of the other's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meetings {
    /// The last one that is certain.
    pub last: Meeting,
    /// One that was offered and may have come about.
    pub offered: Option<Meeting>,
}

/// What a comparison of two memories says of the ledgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They follow each other.
    Fine,
    /// The ledger here is a copy that another one has gone beyond: a new author epoch comes first.
    MineIsOld,
    /// The one there is.
    TheirsIsOld,
    /// It may be either, or both.
    Unclear,
}

impl Meetings {
    /// How many there were, the one that is offered included.
    pub fn count(&self) -> u64 {
        self.offered.map_or(0, |meeting| meeting.count).max(self.last.count)
    }

    fn all(&self) -> impl Iterator<Item = Meeting> {
        std::iter::once(self.last).chain(self.offered)
    }

    /// Compares what is remembered here with what the other end shows.
    pub fn compare(&self, theirs: &Meetings) -> Verdict {
        if self.all().any(|mine| theirs.all().any(|other| mine == other)) {
            return Verdict::Fine;
        }
        match self.count().cmp(&theirs.count()) {
            std::cmp::Ordering::Less => Verdict::MineIsOld,
            std::cmp::Ordering::Greater => Verdict::TheirsIsOld,
            std::cmp::Ordering::Equal => Verdict::Unclear,
        }
    }

    /// The meeting that a link with this handshake's hash is, between two ends that remember these.
    pub fn next(&self, theirs: &Meetings, handshake_hash: &[u8; 32]) -> Meeting {
        let [a, b, c, d, ..] = *handshake_hash;
        Meeting { count: self.count().max(theirs.count()) + 1, token: u32::from_le_bytes([a, b, c, d]) }
    }

    /// The other end, which has shown `theirs`, is offered this one. What it has shown is certain from now on.
    pub fn offer(&mut self, theirs: &Meetings, meeting: Meeting) {
        let shown = self.all().filter(|mine| theirs.all().any(|other| *mine == other)).max();
        self.last = shown.unwrap_or(self.last);
        self.offered = Some(meeting);
    }

    /// This one came about: the other end remembers it, or is told of it by whatever is sent next.
    pub fn confirm(&mut self, meeting: Meeting) {
        self.last = meeting;
        self.offered = self.offered.filter(|offered| *offered != meeting);
    }

    /// Appends them: the count of the certain one twice, plus 1 if one is offered, then the certain one's token unless there is none, then the
    /// offered one's count and token.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.last.count << 1 | u64::from(self.offered.is_some()));
        if self.last.count > 0 {
            out.extend_from_slice(&self.last.token.to_le_bytes());
        }
        if let Some(offered) = self.offered {
            put_varint(out, offered.count);
            out.extend_from_slice(&offered.token.to_le_bytes());
        }
    }

    /// Reads what [`Meetings::put`] wrote.
    ///
    /// # Errors
    /// [`Malformed`] when cut short.
    pub fn read(reader: &mut Reader<'_>) -> Result<Meetings, Malformed> {
        let head = reader.varint()?;
        let count = head >> 1;
        let token = if count > 0 { u32::from_le_bytes(reader.array()?) } else { 0 };
        let offered = if head & 1 == 1 {
            let count = reader.varint()?;
            if count > u64::MAX >> 2 {
                return Err(Malformed("meeting"));
            }
            Some(Meeting { count, token: u32::from_le_bytes(reader.array()?) })
        } else {
            None
        };
        if count > u64::MAX >> 2 {
            return Err(Malformed("meeting"));
        }
        Ok(Meetings { last: Meeting { count, token }, offered })
    }
}

/// One author epoch of a peer: one line of its history, when copies of its ledger each go on under their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// How far its state is held durably here.
    pub held: Held,
    /// The links with it, under the present author epoch of this endpoint.
    pub met: Meetings,
    /// The author epoch that this endpoint had before, and the links under it, until there is one under the present epoch.
    pub before: (u32, Meetings),
    /// What was lost here and it may have to give back.
    pub lost: Lost,
    /// What it said of its own progress.
    pub progress: Progress,
}

impl Lineage {
    /// Appends it: the epoch (4 bytes), numbers as varints, and the meetings.
    pub fn put(&self, out: &mut Vec<u8>) {
        let Lineage { held, met, before, lost, progress } = self;
        out.extend_from_slice(&held.epoch.to_le_bytes());
        for number in [held.number, lost.from, lost.to, progress.held, progress.durable] {
            put_varint(out, number);
        }
        met.put(out);
        put_before(out, before);
    }

    /// Reads what [`Lineage::put`] wrote.
    ///
    /// # Errors
    /// [`Malformed`] when cut short.
    pub fn read(reader: &mut Reader<'_>) -> Result<Lineage, Malformed> {
        let held = Held { epoch: u32::from_le_bytes(reader.array()?), number: reader.varint()? };
        let lost = Lost { from: reader.varint()?, to: reader.varint()? };
        let progress = Progress { held: reader.varint()?, durable: reader.varint()? };
        Ok(Lineage { held, met: Meetings::read(reader)?, before: read_before(reader)?, lost, progress })
    }
}

fn put_before(out: &mut Vec<u8>, before: &(u32, Meetings)) {
    out.extend_from_slice(&before.0.to_le_bytes());
    before.1.put(out);
}

fn read_before(reader: &mut Reader<'_>) -> Result<(u32, Meetings), Malformed> {
    Ok((u32::from_le_bytes(reader.array()?), Meetings::read(reader)?))
}

/// What is remembered of the links with one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Those under the present author epochs of both.
    pub met: Meetings,
    /// See [`Lineage::before`].
    pub before: (u32, Meetings),
    /// The peer's other author epochs, the last one first.
    pub former: Vec<Lineage>,
}

impl Memory {
    /// Appends it to the record of the peer.
    pub fn put(&self, out: &mut Vec<u8>) {
        self.met.put(out);
        put_before(out, &self.before);
        put_varint(out, self.former.len() as u64);
        self.former.iter().for_each(|lineage| lineage.put(out));
    }

    /// Reads what [`Memory::put`] wrote.
    ///
    /// # Errors
    /// [`Malformed`] when cut short.
    pub fn read(reader: &mut Reader<'_>) -> Result<Memory, Malformed> {
        let (met, before) = (Meetings::read(reader)?, read_before(reader)?);
        let count = reader.length(usize::MAX)?;
        let former = (0..count).map(|_| Lineage::read(reader)).collect::<Result<_, _>>()?;
        Ok(Memory { met, before, former })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meeting(count: u64) -> Meeting {
        Meeting { count, token: 0x0101_0101_u32.wrapping_mul(count as u32) }
    }

    fn meetings(last: u64, offered: Option<u64>) -> Meetings {
        Meetings { last: if last == 0 { Meeting::default() } else { meeting(last) }, offered: offered.map(meeting) }
    }

    #[test]
    fn they_are_read_as_they_were_put() {
        for met in [meetings(0, None), meetings(0, Some(1)), meetings(7, None), meetings(300, Some(301))] {
            let mut bytes = Vec::new();
            met.put(&mut bytes);
            assert_eq!(Meetings::read(&mut Reader::new(&bytes)), Ok(met));
            assert!(bytes.len() == 1 || Meetings::read(&mut Reader::new(&bytes[..bytes.len() - 1])).is_err());
        }
    }

    /// Whatever is lost between two ledgers, and whichever of them stops when, they share a meeting; a copy from before the last one does not.
    #[test]
    fn a_stop_at_any_moment_leaves_one_that_both_have() {
        let (mut answers, mut dials) = (meetings(0, None), meetings(0, None));
        for round in 1..5 {
            let copies = (answers, dials);
            let next = answers.next(&dials, &[round as u8; 32]);
            assert_eq!(next, dials.next(&answers, &[round as u8; 32]));
            answers.offer(&dials, next);
            assert_eq!(answers.compare(&dials), Verdict::Fine, "the answer was lost");
            dials.confirm(next);
            assert_eq!(answers.compare(&dials), Verdict::Fine, "what was sent over the link was lost");
            answers.confirm(next);
            assert_eq!(answers.compare(&dials), Verdict::Fine);
            assert_eq!(answers.compare(&copies.1), Verdict::TheirsIsOld);
            assert_eq!(copies.0.compare(&dials), Verdict::MineIsOld);
        }
        let other = Meetings { last: Meeting { token: 5, ..dials.last }, offered: None };
        assert_eq!(answers.compare(&other), Verdict::Unclear);
    }

    #[test]
    fn an_offer_that_came_to_nothing_is_replaced() {
        let mut answers = meetings(3, None);
        let mut dials = meetings(3, None);
        answers.offer(&dials, meeting(4));
        let again = answers.next(&dials, &[9; 32]);
        assert_eq!(again.count, 5);
        answers.offer(&dials, again);
        assert_eq!(answers, Meetings { last: meeting(3), offered: Some(again) });
        dials.confirm(again);
        answers.offer(&dials, meeting(6));
        assert_eq!(answers, Meetings { last: again, offered: Some(meeting(6)) });
    }
}
