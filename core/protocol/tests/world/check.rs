//! What must be true of the world at every moment.

use super::World;
use super::endpoint::Endpoint;
use spook_protocol::estp::collapse::Place;
use spook_protocol::estp::state::{CellIndex, Version};
use spook_protocol::estp::{Author, VersionVector};
use spook_protocol::id::PairId;
use spook_protocol::registry::PairIndex;
use spook_protocol::value::Value;

/// The members of a group are written by one candidate, always, so that a reader sees all of them or none.
pub const MEMBERS: [&str; 3] = ["a", "b", "c"];

fn place(version: &Version, vector: &VersionVector) -> Place {
    let author: Author = vector.author(version.author);
    Place { stamp: version.stamp, author, number: version.number }
}

impl World {
    /// No group is ever seen in part.
    pub fn check_groups(&self, index: usize) {
        for half in &self.endpoints[index].running.halves {
            let whole = half.read("").unwrap().unwrap();
            for group in 0..4 {
                let shown = whole.get(&format!("PLAINg{group}"));
                let members = MEMBERS.map(|member| shown.and_then(|group| group.get(member)));
                assert!(members.iter().all(|member| *member == members[0]), "group {group} in part at {index}: {members:?}");
            }
        }
    }

    /// What an endpoint says that it holds of its peer, its ledger has; and the peer believes no more than that.
    pub fn check_promises(&self, index: usize) {
        let [one, other] = [0, 1].map(|side| &self.endpoints[self.pipes[index].sides[side].endpoint]);
        check_promise(one, other);
        check_promise(other, one);
        check_placing(one, other);
        check_placing(other, one);
    }
}

fn check_promise(holder: &Endpoint, author: &Endpoint) {
    let [of_author, of_holder] = [(holder, author), (author, holder)].map(|(at, of)| {
        let id = of.identity.endpoint_id();
        at.running.registry.find_peer(id)
    });
    let (Some(of_author), Some(of_holder)) = (of_author, of_holder) else { return };
    let held = holder.running.registry.held(of_author);
    let believed = author.running.registry.peer_progress(of_holder);
    // The ledger may have the state and not yet the note that it has it: then more is believed than is said after a crash, and rightly so.
    let held = held.number.max(believed.held);
    assert!(believed.durable <= holder.running.registry.durable(), "more is said to be durable than is");
    let pairs: Vec<PairIndex> = author.running.registry.shared_with(of_holder).collect();
    for pair in pairs {
        let half = author.running.half(pair);
        let id = author.running.registry.pair_id(pair);
        let declined = holder.declined.contains(&id) || author.declined.contains(&id);
        // Who has lost a Pair before it was durable has refused it before acknowledging anything, and joins again.
        if half.joined() > held || declined || holder.running.registry.find_pair(id).is_none() {
            continue;
        }
        for cell in half.state().after(0) {
            if half.state().arrival(cell) <= held {
                check_cell(holder, author, (id, pair), cell, held);
            }
        }
    }
}

fn check_cell(holder: &Endpoint, author: &Endpoint, (id, pair): (PairId, PairIndex), cell: CellIndex, held: u64) {
    let half = author.running.half(pair);
    let mut path = String::new();
    half.state().write_path(cell, &mut path);
    let version = half.state().version(cell).unwrap();
    let arrival = half.state().arrival(cell);
    let stored = holder.image.pair(id).and_then(|record| {
        let stored = holder.image.cell(record.index, &path)?;
        let versions = stored.base.iter().chain(stored.survivors.iter().map(|survivor| &survivor.version));
        versions.map(|version| place(version, &record.half.vector)).max()
    });
    if version.value.is_none() && stored.is_none() {
        // A deletion that is committed there has gone with its cell.
        return;
    }
    let here = place(version, half.vector());
    assert!(
        stored.is_some_and(|stored| stored >= here),
        "{path} of {arrival} is said to be held ({held}), and is not: {stored:?} {here:?}"
    );
}

/// What the peer had issued before it applied what its acknowledgements placed, is here.
fn check_placing(author: &Endpoint, peer: &Endpoint) {
    let of_peer = author.running.registry.find_peer(peer.identity.endpoint_id());
    let of_author = peer.running.registry.find_peer(author.identity.endpoint_id());
    let (Some(of_peer), Some(of_author)) = (of_peer, of_author) else { return };
    let placed = author.running.registry.placed(of_peer);
    let (me, epoch) = (*author.identity.endpoint_id().as_bytes(), author.me().epoch);
    for at_peer in peer.running.registry.shared_with(of_author) {
        let id = peer.running.registry.pair_id(at_peer);
        let declined = peer.declined.contains(&id) || author.declined.contains(&id);
        let Some(here) = author.running.registry.find_pair(id).filter(|_| !declined) else { continue };
        let (theirs, mine) = (peer.running.half(at_peer), author.running.half(here));
        let name = *id.as_bytes();
        let applied = peer.applied.range((name, me, epoch, 0)..=(name, me, epoch, placed));
        let Some(when) = applied.map(|(_, own)| *own).max().filter(|when| mine.joined() <= placed && theirs.joined() <= *when) else {
            continue;
        };
        for cell in theirs.state().after(0) {
            let version = theirs.state().version(cell).unwrap();
            if theirs.vector().author(version.author) != peer.me() || version.number >= when {
                continue;
            }
            let mut path = String::new();
            theirs.state().write_path(cell, &mut path);
            let keys: Vec<_> = spook_protocol::pointer::keys(&path).unwrap().map(Result::unwrap).collect();
            let found = mine.state().find(keys.iter().map(AsRef::as_ref)).and_then(|cell| {
                let waiting = mine.state().layer(cell).into_iter().flat_map(|layer| &layer.survivors).map(|survivor| &survivor.version);
                mine.state().version(cell).into_iter().chain(waiting).map(|version| place(version, mine.vector())).max()
            });
            if version.value.is_none() && found.is_none() {
                continue;
            }
            let there = place(version, theirs.vector());
            assert!(found.is_some_and(|found| found >= there), "{path} is not here, and {placed} is placed: {found:?} {there:?}");
        }
    }
}

impl World {
    /// After rest: both halves hold the same, and nothing is pending.
    pub fn check_agreement(&mut self, id: PairId, [one, other]: [usize; 2]) {
        let mut seen: Vec<(Value, _)> = Vec::new();
        for who in [one, other] {
            let running = &mut self.endpoints[who].running;
            let pair = running.registry.find_pair(id).unwrap_or_else(|| panic!("endpoint {who} has no Pair {id:?}"));
            let half = &mut running.halves[pair.0 as usize];
            let pending = half.lifecycle().pending;
            assert_eq!(pending, spook_protocol::estp::lifecycle::PendingFact::Clean, "endpoint {who}: {id:?} never settles");
            seen.push((half.read("").unwrap().unwrap(), half.state_id().digest));
            let horizon = running.registry.horizon(pair);
            assert_eq!(horizon.placed, horizon.peer_holds, "endpoint {who}: {id:?} is held and never placed");
            assert!(running.halves[pair.0 as usize].settle(horizon));
        }
        assert_eq!(seen[0].0, seen[1].0, "the halves of {id:?} differ");
        assert_eq!(seen[0].1, seen[1].1, "the digests of {id:?} differ");
    }
}
