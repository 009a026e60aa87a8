//! Which ledger a peer comes with: the one that was here last, another copy of it, or one that is older than what was seen of it.

use super::{PeerEntry, PeerIndex, Registry};
use crate::link::meeting::Memory;
use crate::link::{Held, Lineage, Lost, Meeting, Meetings, Progress, Resume, Start, Verdict};

/// How many author epochs of one peer are kept apart, besides the present one. Whoever comes under one that was forgotten takes a new one.
const FORMER: usize = 64;

impl PeerEntry {
    /// What is remembered of the peer in an author epoch.
    fn lineage(&self, epoch: u32) -> Option<Lineage> {
        if self.held.epoch == epoch {
            return Some(self.present());
        }
        self.former.iter().find(|lineage| lineage.held.epoch == epoch).copied()
    }

    fn present(&self) -> Lineage {
        let PeerEntry { held, met, before, lost, progress, .. } = *self;
        Lineage { held, met, before, lost, progress }
    }

    /// The peer comes in an author epoch: what was remembered of it counts from now on.
    pub(super) fn enter_lineage(&mut self, epoch: u32, keeps_records: bool) {
        if self.held.epoch == epoch {
            return;
        }
        let lineage = self.lineage(epoch).unwrap_or(Lineage { held: Held { epoch, number: 0 }, ..Lineage::default() });
        self.former.retain(|former| former.held.epoch != epoch);
        if self.held != Held::default() || self.met != Meetings::default() {
            self.former.insert(0, Lineage { held: self.told(keeps_records), ..self.present() });
            self.former.truncate(FORMER);
        }
        // What another copy of its ledger held, or has to give back, says nothing about this one.
        Lineage { held: self.held, met: self.met, before: self.before, lost: self.lost, progress: self.progress } = lineage;
        (self.seen, self.recorded, self.collected) = (self.held.number, self.held.number, self.held.number);
        self.placed = 0;
        self.placing.clear();
    }
}

/// What a peer may have to give back that has made such progress: what it acknowledged after the ledger was written may have been sent under names
/// that are forgotten now.
pub(super) fn lost_to(mut lost: Lost, progress: Progress) -> Lost {
    if !lost.is_empty() {
        lost.from = lost.from.min(progress.held);
    }
    lost
}

impl Registry {
    /// Takes back what the ledger has of a peer's author epochs. `lost` is what this endpoint lost when it was stopped uncleanly.
    pub fn remember(&mut self, peer: PeerIndex, memory: Memory, lost: Lost) {
        let entry = &mut self.peers[peer.0 as usize];
        Memory { met: entry.met, before: entry.before, former: entry.former } = memory;
        for lineage in &mut entry.former {
            lineage.lost = lost_to(lineage.lost.and(lost), lineage.progress);
        }
    }

    /// What is remembered of the links with a peer.
    pub fn memory(&self, peer: PeerIndex) -> Memory {
        let PeerEntry { met, before, former, .. } = &self.peers[peer.0 as usize];
        Memory { met: *met, before: *before, former: former.clone() }
    }

    /// Whether any peer comes in more than one author epoch.
    pub fn has_copied_peers(&self) -> bool {
        self.peers.iter().any(|peer| !peer.former.is_empty())
    }

    /// A candidate of the peer's with that number was applied.
    pub fn saw(&mut self, peer: PeerIndex, epoch: u32, number: u64) {
        let entry = &mut self.peers[peer.0 as usize];
        if entry.held.epoch == epoch {
            entry.seen = entry.seen.max(number);
        }
    }

    /// What this endpoint says of itself to somebody whom it has never met.
    pub fn resume_of_stranger(&self) -> Resume {
        Resume { epoch: self.epoch, last: self.sequencer.last().max(self.durable), durable: self.durable, ..Resume::default() }
    }

    /// What the answer to a peer says of this endpoint: of the peer, what is remembered of it in the author epoch in which it comes.
    pub fn resume_for(&self, peer: PeerIndex, theirs: &Resume) -> Resume {
        let resume = self.resume(peer);
        if resume.held.epoch == theirs.epoch {
            return resume;
        }
        let lineage = self.peers[peer.0 as usize].lineage(theirs.epoch);
        lineage.map_or(resume, |Lineage { held, met, lost, .. }| Resume { held, met, lost, ..resume })
    }

    /// Whether the ledgers here and there go on from where they left each other, by what the peer says of itself. To be asked before a link
    /// begins, by the side that answers and by the side that was answered.
    pub fn judge(&self, peer: PeerIndex, theirs: &Resume) -> Verdict {
        let entry = &self.peers[peer.0 as usize];
        let knows_me = theirs.held.epoch == self.epoch;
        if knows_me && theirs.held.number > self.sequencer.last() {
            return Verdict::MineIsOld;
        }
        let Some(lineage) = entry.lineage(theirs.epoch) else {
            // Links between its epoch and this one, of which nothing is known here.
            let is_forgotten = knows_me && theirs.met.last.count > 0;
            return if is_forgotten { Verdict::MineIsOld } else { Verdict::Fine };
        };
        let seen = if theirs.epoch == entry.held.epoch { entry.seen } else { lineage.held.number };
        // Behind what was seen of its own numbers, or behind what it said of ours.
        let told = Some(lineage.progress.held).filter(|held| knows_me && *held > self.begun_after);
        if seen > theirs.last || told > Some(theirs.held.number) {
            return Verdict::TheirsIsOld;
        }
        if knows_me {
            return lineage.met.compare(&theirs.met);
        }
        // It has not met this endpoint since that began its present epoch. What it remembers of another copy can be compared with nothing: it will
        // see for itself whether it knows this one.
        let (epoch, before) = lineage.before;
        let is_comparable = epoch == theirs.held.epoch && before.count() > 0;
        match before.compare(&theirs.met) {
            Verdict::TheirsIsOld | Verdict::Unclear if is_comparable => Verdict::TheirsIsOld,
            _ => Verdict::Fine,
        }
    }

    /// Where a link with a peer starts, when `mine` was said and `theirs` was heard.
    pub fn start(&self, peer: PeerIndex, mine: &Resume, theirs: &Resume) -> Start {
        let entry = &self.peers[peer.0 as usize];
        // Numbers of the epoch before are of the same counter: under a new epoch not all that it held has to be sent again.
        let is_from_before = theirs.held.epoch == entry.before.0 && entry.before.1.count() > 0;
        let acknowledged = match entry.held.epoch == theirs.epoch {
            true if theirs.held.epoch == self.epoch => entry.progress.held,
            true if is_from_before => entry.progress.held.min(theirs.held.number),
            _ => 0,
        };
        let start = mine.start(self.me, entry.id, theirs, acknowledged);
        Start { among_copies: entry.lineage(theirs.epoch).is_none_or(|_| !entry.former.is_empty()), ..start }
    }

    /// The peer was answered, and may remember this meeting from now on. To be durable before the answer goes.
    pub fn offer_meeting(&mut self, peer: PeerIndex, theirs: &Resume, meeting: Meeting) {
        let entry = &mut self.peers[peer.0 as usize];
        if entry.held.epoch == theirs.epoch {
            entry.met.offer(&theirs.met, meeting);
        } else if let Some(lineage) = entry.former.iter_mut().find(|lineage| lineage.held.epoch == theirs.epoch) {
            lineage.met.offer(&theirs.met, meeting);
        }
    }

    /// The link that this meeting stands for is up. For the side that dialled, to be durable before anything is sent.
    pub fn confirm_meeting(&mut self, peer: PeerIndex, meeting: Meeting) {
        let entry = &mut self.peers[peer.0 as usize];
        entry.met.confirm(meeting);
        entry.before = (0, Meetings::default());
    }

    /// This endpoint goes on under a new author epoch. No link may be up, and no half may write under the old one any more.
    ///
    /// How far the peers hold what is here stays true, in numbers of this endpoint's one counter.
    pub fn begin_epoch(&mut self, epoch: u32) {
        let before = std::mem::replace(&mut self.epoch, epoch);
        self.begun_after = self.sequencer.last();
        for peer in &mut self.peers {
            let former = peer.former.iter_mut().map(|lineage| (&mut lineage.met, &mut lineage.before));
            for (met, kept) in former.chain([(&mut peer.met, &mut peer.before)]) {
                let ended = std::mem::take(met);
                if ended.count() > 0 {
                    *kept = (before, ended);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estp::feed::Sequencer;
    use crate::estp::{Clock, Stamp};
    use crate::id::EndpointId;

    const HASH: [u8; 32] = [7; 32];

    fn registry(endpoint: u8, epoch: u32, last: u64) -> Registry {
        let mut registry =
            Registry::new(EndpointId::from_bytes([endpoint; 16]), epoch, Sequencer::after(last, Clock::after(Stamp::ZERO)), last);
        let other = EndpointId::from_bytes([3 - endpoint; 16]);
        registry.add_peer(other, Held::default(), Lost::default(), Progress::default(), 0);
        registry
    }

    const PEER: PeerIndex = PeerIndex(0);

    /// Dials, and says who was found to be old; if nobody was, the link comes up on both sides.
    fn link(dials: &mut Registry, answers: &mut Registry) -> Verdict {
        let hello = dials.resume(PEER);
        let verdict = answers.judge(PEER, &hello);
        if verdict != Verdict::Fine {
            return verdict;
        }
        let welcome = answers.resume_for(PEER, &hello);
        assert_eq!(dials.judge(PEER, &welcome), Verdict::Fine);
        let meeting = welcome.met.next(&hello.met, &HASH);
        answers.offer_meeting(PEER, &hello, meeting);
        dials.begin_link(PEER, &welcome);
        answers.begin_link(PEER, &hello);
        dials.confirm_meeting(PEER, meeting);
        answers.confirm_meeting(PEER, meeting);
        Verdict::Fine
    }

    fn copy(of: &Registry, endpoint: u8) -> Registry {
        let mut copy = registry(endpoint, of.epoch, of.durable);
        let entry = &of.peers[0];
        copy.peers[0].held = entry.held;
        copy.remember(PEER, of.memory(PEER), Lost::default());
        copy
    }

    #[test]
    fn of_two_copies_the_second_to_link_is_told_and_both_go_on_for_good() {
        let (mut home, mut phone) = (registry(1, 5, 10), registry(2, 6, 10));
        for _ in 0..3 {
            assert_eq!(link(&mut phone, &mut home), Verdict::Fine);
        }
        let mut other = copy(&phone, 2);
        assert_eq!(link(&mut phone, &mut home), Verdict::Fine);
        assert_eq!(link(&mut other, &mut home), Verdict::TheirsIsOld);
        other.begin_epoch(8);
        for _ in 0..4 {
            assert_eq!(link(&mut other, &mut home), Verdict::Fine);
            assert_eq!(link(&mut phone, &mut home), Verdict::Fine);
        }
    }

    #[test]
    fn an_old_copy_that_answers_finds_out_for_itself() {
        let (mut home, mut phone) = (registry(1, 5, 10), registry(2, 6, 10));
        let newborn = copy(&home, 1);
        link(&mut phone, &mut home);
        let mut old = copy(&home, 1);
        link(&mut phone, &mut home);
        assert_eq!(link(&mut phone, &mut old), Verdict::MineIsOld);
        old.begin_epoch(9);
        assert_eq!(link(&mut phone, &mut old), Verdict::Fine);
        assert_eq!(link(&mut phone, &mut old), Verdict::Fine);
        let mut newborn = newborn;
        assert_eq!(newborn.judge(PEER, &Resume { held: Held { epoch: 5, number: 0 }, ..phone.resume(PEER) }), Verdict::MineIsOld);
        newborn.begin_epoch(10);
        assert_eq!(link(&mut phone, &mut newborn), Verdict::Fine);
    }

    #[test]
    fn a_ledger_that_is_behind_what_was_seen_of_it_is_an_old_copy() {
        let (mut home, mut phone) = (registry(1, 5, 10), registry(2, 6, 10));
        link(&mut phone, &mut home);
        home.saw(PEER, 6, 11);
        assert_eq!(home.judge(PEER, &phone.resume(PEER)), Verdict::TheirsIsOld);
        home.saw(PEER, 7, 12);
        let ahead = Resume { last: 11, ..phone.resume(PEER) };
        assert_eq!(home.judge(PEER, &ahead), Verdict::Fine);
        home.sequencer().apply(Stamp::ZERO, &[]);
        home.acknowledged(PEER, Progress { held: 11, durable: 10 }, 0);
        assert_eq!(home.judge(PEER, &ahead), Verdict::TheirsIsOld);
        assert_eq!(home.judge(PEER, &Resume { held: Held { epoch: 5, number: 11 }, ..ahead }), Verdict::Fine);
        let theirs = Resume { held: Held { epoch: 5, number: 12 }, ..ahead };
        assert_eq!(home.judge(PEER, &theirs), Verdict::MineIsOld);
    }
}
