//! Re-entanglement: each side says in its half of the handshake how far it is, and the other sends what is missing.

use crate::estp::Author;
use crate::estp::delta::Ends;
pub use crate::estp::dot::Lost;
use crate::id::EndpointId;
use crate::link::meeting::Meetings;
use crate::wire::{Malformed, Reader, put_varint};

/// Up to which number of the peer's counter everything is held durably, and in which epoch of that counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The author epoch of the peer that the number belongs to.
    pub epoch: u32,
    /// The number.
    pub number: u64,
}

/// What one end tells the other when a link begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// The author epoch of this end.
    pub epoch: u32,
    /// The last number that its counter may have given: its durable ceiling if it was not stopped cleanly.
    pub last: u64,
    /// Up to which of its own numbers its ledger is durable.
    pub durable: u64,
    /// Numbers of its own that it lost when it was stopped uncleanly; what the other end holds of them has to come back.
    pub lost: Lost,
    /// How far it holds the other end's state.
    pub held: Held,
    /// The links that it remembers between this epoch and that of `held`.
    pub met: Meetings,
}

/// Where a link starts, as one end sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The two ends, this one sending.
    pub ends: Ends,
    /// Everything that arrived here after this number has to be sent.
    pub send_after: u64,
    /// The own number from which this direction's marks and acknowledgements count.
    pub counts_from: u64,
    /// The last number that this end may have told of on an earlier link.
    pub last: u64,
    /// The other end is one of several copies of its ledger: what one of them knows another may not.
    pub among_copies: bool,
    /// What this end has lost of its own.
    pub lost: Lost,
    /// What the peer has lost of its own.
    pub peer_lost: Lost,
    /// The mark from which the peer counts.
    pub receive_after: u64,
}

impl Resume {
    /// Appends the cursor: 4 bytes of epoch, then varints.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.epoch.to_le_bytes());
        put_varint(out, self.last);
        put_varint(out, self.last.wrapping_sub(self.durable));
        put_varint(out, self.lost.to.saturating_sub(self.lost.from));
        if !self.lost.is_empty() {
            put_varint(out, self.lost.to);
        }
        out.extend_from_slice(&self.held.epoch.to_le_bytes());
        put_varint(out, self.held.number);
        self.met.put(out);
    }

    /// Reads what [`Resume::put`] wrote.
    ///
    /// # Errors
    /// [`Malformed`] when cut short or contradictory.
    pub fn read(reader: &mut Reader<'_>) -> Result<Resume, Malformed> {
        let epoch = u32::from_le_bytes(reader.array()?);
        let last = reader.varint()?;
        let durable = last.checked_sub(reader.varint()?).ok_or(Malformed("resume cursor"))?;
        let lost = match reader.varint()? {
            0 => Lost::default(),
            width => {
                let to = reader.varint()?;
                Lost { from: to.checked_sub(width).ok_or(Malformed("resume cursor"))?, to }
            }
        };
        let held = Held { epoch: u32::from_le_bytes(reader.array()?), number: reader.varint()? };
        Ok(Resume { epoch, last, durable, lost, held, met: Meetings::read(reader)? })
    }

    /// Where to start when the peer says `theirs`. A number from an unknown epoch counts for nothing; then everything is sent that arrived after
    /// `acknowledged`, the last number here that this peer in this epoch of its own is known to hold.
    pub fn start(&self, me: EndpointId, peer: EndpointId, theirs: &Resume, acknowledged: u64) -> Start {
        let counts_from = if theirs.held.epoch == self.epoch { theirs.held.number } else { 0 };
        let known_here = self.held.epoch == theirs.epoch;
        Start {
            ends: Ends { sender: Author { endpoint: me, epoch: self.epoch }, receiver: Author { endpoint: peer, epoch: theirs.epoch } },
            send_after: counts_from.max(acknowledged),
            counts_from,
            last: self.last,
            among_copies: false,
            lost: self.lost,
            peer_lost: theirs.lost,
            receive_after: if known_here { self.held.number } else { 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::meeting::Meeting;

    const ME: EndpointId = EndpointId::from_bytes([1; 16]);
    const PEER: EndpointId = EndpointId::from_bytes([2; 16]);

    fn resume(epoch: u32, last: u64, held: Held) -> Resume {
        Resume { epoch, last, durable: last, lost: Lost::default(), held, met: Meetings::default() }
    }

    #[test]
    fn a_cursor_is_read_as_it_was_put() {
        for lost in [Lost::default(), Lost { from: 400, to: 480 }] {
            let met = Meetings { last: Meeting { count: 3, token: 99 }, offered: None };
            let cursor = Resume { epoch: 7, last: 500, durable: 431, lost, held: Held { epoch: 9, number: 1 << 40 }, met };
            let mut bytes = Vec::new();
            cursor.put(&mut bytes);
            assert_eq!(Resume::read(&mut Reader::new(&bytes)), Ok(cursor));
            assert!(Resume::read(&mut Reader::new(&bytes[..5])).is_err());
        }
    }

    #[test]
    fn a_known_number_is_where_to_start_and_an_unknown_epoch_starts_from_nothing() {
        let mine = resume(7, 100, Held { epoch: 9, number: 40 });
        let start = mine.start(ME, PEER, &resume(9, 50, Held { epoch: 7, number: 80 }), 70);
        assert_eq!((start.send_after, start.counts_from, start.receive_after), (80, 80, 40));
        let start = mine.start(ME, PEER, &resume(10, 50, Held { epoch: 6, number: 80 }), 0);
        assert_eq!((start.send_after, start.counts_from, start.receive_after), (0, 0, 0));
    }

    #[test]
    fn under_a_new_epoch_only_what_was_never_acknowledged_is_sent_again() {
        let mine = resume(8, 100, Held { epoch: 9, number: 40 });
        let start = mine.start(ME, PEER, &resume(9, 50, Held { epoch: 7, number: 80 }), 60);
        assert_eq!((start.send_after, start.counts_from, start.receive_after), (60, 0, 40));
    }
}
