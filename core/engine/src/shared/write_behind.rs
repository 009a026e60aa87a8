//! Written behind: what changed since the last durable number goes into the ledger in one batch.

use super::Shared;
use crate::options::Durability;
use crate::pair_core::PairCore;
use crate::storage::{ENDPOINT, body_key, cell_key, log_key};
use spook_ledger::{Batch, Cut, LedgerError, Source, Table};
use spook_protocol::estp::{HalfPair, Stamp};
use spook_protocol::record::{self, EndpointRecord, PairRecord};
use std::sync::{Mutex, PoisonError, Weak};

/// Numbers and stamps are reserved this far ahead with every commit, so that writing never waits for the ledger.
const NUMBERS_AHEAD: u64 = 1 << 20;
const STAMPS_AHEAD_MS: u64 = 3_000;
/// Where the clock is ahead of the time of day, as it is after an unclean stop, this much more is enough: else a few stops in a row would take the
/// clock so far ahead that peers hold what is written back. Each ms has room for 65,536 stamps.
const STAMPS_MORE_MS: u64 = 100;

/// Where the group commit takes its batches from.
pub(crate) struct WriteBehind {
    shared: Weak<Shared>,
    /// The ceilings of the batch that is being committed.
    ceilings: Mutex<(u64, Stamp)>,
}

impl WriteBehind {
    pub(crate) fn new(shared: Weak<Shared>) -> WriteBehind {
        WriteBehind { shared, ceilings: Mutex::new((0, Stamp::ZERO)) }
    }
}

impl Source for WriteBehind {
    fn collect(&self, batch: &mut Batch) -> Cut {
        let Some(shared) = self.shared.upgrade() else { return Cut { upto: 0, more: false } };
        let (after, cut) = {
            let mut registry = shared.registry();
            (registry.durable(), registry.ledger_cut())
        };
        let mut buffers = Buffers::default();
        let committed = shared.take_committed(&cut.pairs);
        for pair in cut.pairs.into_iter().chain(committed) {
            if let Some(core) = shared.pair(pair) {
                put_pair(batch, &mut buffers, &shared, &core, after);
            }
        }
        // After the cells: what came over a link is never durable before the meeting that the link is.
        let peers = shared.dirty_peers(&mut shared.registry(), cut.number);
        for (id, record) in peers {
            buffers.value.clear();
            record.put(&mut buffers.value);
            batch.put(Table::Peers, id.as_bytes(), &buffers.value);
        }
        shared.put_dirty_tickets(batch);
        let endpoint = endpoint_record(&shared, cut.number);
        buffers.value.clear();
        endpoint.put(&mut buffers.value);
        batch.put(Table::Meta, ENDPOINT, &buffers.value);
        *self.ceilings.lock().unwrap_or_else(PoisonError::into_inner) = (endpoint.number_ceiling, endpoint.stamp_ceiling);
        Cut { upto: cut.number, more: false }
    }

    fn durable(&self, cut: Cut) {
        let Some(shared) = self.shared.upgrade() else { return };
        let (number, stamp) = *self.ceilings.lock().unwrap_or_else(PoisonError::into_inner);
        shared.made_durable(cut.upto, number, stamp);
    }

    fn failed(&self, error: LedgerError) {
        if let Some(shared) = self.shared.upgrade() {
            shared.ledger_failed(error);
        }
    }
}

/// The endpoint's record, made after the last cell was collected: what was written meanwhile is in the batch too, and the ceilings must be above it.
fn endpoint_record(shared: &Shared, durable: u64) -> EndpointRecord {
    let mut registry = shared.registry();
    let (last, clock) = (registry.sequencer().last(), registry.sequencer().clock());
    let (number_ceiling, stamp_ceiling) = if shared.is_closing() {
        (last, clock)
    } else {
        let ahead = (shared.time.now_ms() + STAMPS_AHEAD_MS).max(clock.ms() + STAMPS_MORE_MS);
        (last + NUMBERS_AHEAD, Stamp::new(ahead, 0))
    };
    EndpointRecord { epoch: registry.epoch(), durable, number_ceiling, stamp_ceiling }
}

#[derive(Default)]
struct Buffers {
    path: String,
    key: Vec<u8>,
    value: Vec<u8>,
}

fn put_pair(batch: &mut Batch, buffers: &mut Buffers, shared: &Shared, core: &PairCore, after: u64) {
    let mut state = core.lock();
    if let Some(half) = state.half_if_awake() {
        // Before the cells: a path that was pruned may have been written again.
        for path in half.take_pruned() {
            cell_key(&mut buffers.key, core.row, &path);
            batch.delete(Table::Cells, &buffers.key);
        }
        for cell in half.state().after(after) {
            buffers.path.clear();
            half.state().write_path(cell, &mut buffers.path);
            cell_key(&mut buffers.key, core.row, &buffers.path);
            buffers.value.clear();
            record::put_cell(&mut buffers.value, half.state(), cell);
            batch.put(Table::Cells, &buffers.key, &buffers.value);
        }
        put_log(batch, buffers, core.row, half, after);
    }
    let (half, changed) = state.record();
    let slot = shared.registry().share_of(core.index).map(|share| share.slot);
    let sync = core.durability == Durability::Sync;
    let record = PairRecord { index: core.row, name: core.name.clone(), sync, changed, slot, schema: core.schema.to_value().clone(), half };
    drop(state);
    buffers.value.clear();
    record.put(&mut buffers.value);
    batch.put(Table::Pairs, core.id.as_bytes(), &buffers.value);
}

/// What an ordered Pair keeps beside its cells, in the same batch.
fn put_log(batch: &mut Batch, buffers: &mut Buffers, row: u32, half: &mut HalfPair, after: u64) {
    for key in half.take_removed() {
        body_key(&mut buffers.key, row, key);
        batch.delete(Table::Cells, &buffers.key);
    }
    let Some(log) = half.log() else { return };
    for entry in log.records_after(after) {
        body_key(&mut buffers.key, row, entry.body.key());
        buffers.value.clear();
        entry.put_record(&mut buffers.value);
        batch.put(Table::Cells, &buffers.key, &buffers.value);
    }
    log_key(&mut buffers.key, row);
    buffers.value.clear();
    log.put_meta(&mut buffers.value);
    batch.put(Table::Cells, &buffers.key, &buffers.value);
}
