//! Who shares what, and what is durable.

use super::*;
use crate::estp::Clock;

fn registry() -> Registry {
    let mut sequencer = Sequencer::after(0, Clock::after(Stamp::ZERO));
    sequencer.raise_ceilings(u64::MAX, Stamp::MAX);
    Registry::new(EndpointId::from_bytes([1; 16]), 7, sequencer, 0)
}

fn peer(registry: &mut Registry, byte: u8) -> PeerIndex {
    registry.add_peer(EndpointId::from_bytes([byte; 16]), Held::default(), Lost::default(), Progress::default(), 0)
}

#[test]
fn a_peer_is_told_of_the_pairs_shared_with_it_alone() {
    let mut registry = registry();
    let (left, right) = (peer(&mut registry, 2), peer(&mut registry, 3));
    let pairs: Vec<PairIndex> = (0..3).map(|byte| registry.add_pair(PairId::from_bytes([byte; 16]), 0, true)).collect();
    assert!(registry.share(pairs[0], Share { peer: left, slot: 0 }, 0));
    assert!(registry.share(pairs[1], Share { peer: left, slot: 2 }, 0));
    assert!(registry.share(pairs[2], Share { peer: right, slot: 0 }, 0));
    assert!(!registry.share(pairs[2], Share { peer: left, slot: 4 }, 0), "shared already");
    for pair in [0, 2, 1, 0] {
        registry.issue(pairs[pair], 0);
    }
    let mut slots = Vec::new();
    assert_eq!(registry.changed_after(left, 0, &mut slots), Some(4));
    assert_eq!(slots, [0, 2]);
    assert_eq!(registry.free_slot(left), 4);
    let larger = EndpointId::from_bytes([0; 16]);
    let smaller = registry.add_peer(larger, Held::default(), Lost::default(), Progress::default(), 0);
    assert_eq!(registry.free_slot(smaller), 1);
}

#[test]
fn a_mark_is_held_only_when_what_came_with_it_is_durable() {
    let mut registry = registry();
    let left = peer(&mut registry, 2);
    let pair = registry.add_pair(PairId::from_bytes([9; 16]), 0, true);
    assert!(registry.share(pair, Share { peer: left, slot: 0 }, 0));
    registry.arrive(pair, Stamp::ZERO);
    registry.received_up_to(left, 50);
    registry.arrive(pair, Stamp::ZERO);
    registry.received_up_to(left, 60);
    assert_eq!(registry.progress(left).held, 0);
    assert_eq!(registry.record_held(left, 1).number, 50);
    assert_eq!(registry.made_durable(1), [pair]);
    assert_eq!(registry.progress(left), Progress { held: 50, durable: 1 });
    registry.made_durable(2);
    assert_eq!(registry.progress(left).held, 60);
    assert!(registry.ledger_cut().pairs.is_empty());
}

#[test]
fn what_a_peer_has_lost_is_known_from_the_beginning_of_the_link() {
    let mut registry = registry();
    let left = peer(&mut registry, 2);
    let pair = registry.add_pair(PairId::from_bytes([9; 16]), 0, true);
    assert!(registry.share(pair, Share { peer: left, slot: 0 }, 0));
    let lost = Lost { from: 40, to: 90 };
    registry.begin_link(left, &Resume { epoch: 3, last: 90, durable: 90, lost, ..Resume::default() });
    assert_eq!(registry.horizon(pair).peer_lost, lost);
    let theirs = Resume { epoch: 3, last: 95, durable: 95, ..Resume::default() };
    registry.begin_link(left, &theirs);
    assert!(registry.horizon(pair).peer_lost.is_empty());
    registry.acknowledged(left, Progress { held: 7, durable: 95 }, 0);
    registry.begin_link(left, &Resume { epoch: 4, held: Held { epoch: 7, number: 5 }, ..theirs });
    assert_eq!((registry.horizon(pair).peer_holds, registry.horizon(pair).peer_epoch), (5, 4), "another ledger than before");
    registry.set_refused(pair, true);
    assert_eq!(registry.horizon(pair).peer_holds, 0);
}

#[test]
fn nothing_is_told_of_while_the_ceilings_are_too_low() {
    let sequencer = Sequencer::after(0, Clock::after(Stamp::ZERO));
    let mut registry = Registry::new(EndpointId::from_bytes([1; 16]), 7, sequencer, 0);
    let left = peer(&mut registry, 2);
    let pair = registry.add_pair(PairId::from_bytes([9; 16]), 0, true);
    assert!(registry.share(pair, Share { peer: left, slot: 0 }, 0));
    registry.issue(pair, 5);
    assert_eq!(registry.changed_after(left, 0, &mut Vec::new()), None);
    registry.sequencer().raise_ceilings(10, Stamp::new(10, 0));
    assert_eq!(registry.changed_after(left, 0, &mut Vec::new()), Some(1));
}
