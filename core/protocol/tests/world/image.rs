//! What a pretend ledger holds: the bytes of the records, as they were at the last commit.

use spook_protocol::estp::Stamp;
use spook_protocol::estp::state::StoredCell;
use spook_protocol::id::{EndpointId, PairId};
use spook_protocol::record::{EndpointRecord, PairRecord, PeerRecord, TicketRecord, read_cell};
use std::collections::BTreeMap;

/// The durable state of an endpoint.
#[derive(Clone)]
pub struct Image {
    pub endpoint: EndpointRecord,
    pub pairs: BTreeMap<[u8; 16], Vec<u8>>,
    pub cells: BTreeMap<(u32, String), Vec<u8>>,
    pub peers: BTreeMap<[u8; 16], Vec<u8>>,
    pub tickets: BTreeMap<[u8; 8], ([u8; 16], TicketRecord)>,
}

/// What one commit writes.
pub struct Batch {
    pub number: u64,
    pub stamp_ceiling: Stamp,
    pub number_ceiling: u64,
    pub epoch: u32,
    pub pairs: Vec<([u8; 16], Vec<u8>)>,
    pub pruned: Vec<(u32, String)>,
    pub cells: Vec<((u32, String), Vec<u8>)>,
    pub peers: Vec<([u8; 16], Vec<u8>)>,
    pub tickets: BTreeMap<[u8; 8], ([u8; 16], TicketRecord)>,
}

impl Image {
    pub fn new(epoch: u32) -> Image {
        let endpoint = EndpointRecord { epoch, durable: 0, number_ceiling: 0, stamp_ceiling: Stamp::ZERO };
        Image { endpoint, pairs: BTreeMap::new(), cells: BTreeMap::new(), peers: BTreeMap::new(), tickets: BTreeMap::new() }
    }

    pub fn apply(&mut self, batch: Batch) {
        let Batch { number, stamp_ceiling, number_ceiling, epoch, .. } = batch;
        let mut bytes = Vec::new();
        EndpointRecord { epoch, durable: number, number_ceiling, stamp_ceiling }.put(&mut bytes);
        self.endpoint = EndpointRecord::read(&bytes).unwrap();
        self.pairs.extend(batch.pairs);
        for key in batch.pruned {
            self.cells.remove(&key);
        }
        self.cells.extend(batch.cells);
        self.peers.extend(batch.peers);
        self.tickets = batch.tickets;
    }

    /// The Pairs, in the order of their indices.
    pub fn read_pairs(&self) -> Vec<(PairId, PairRecord)> {
        let mut pairs: Vec<_> =
            self.pairs.iter().map(|(id, record)| (PairId::from_bytes(*id), PairRecord::read(record).unwrap())).collect();
        pairs.sort_by_key(|(_, pair)| pair.index);
        pairs
    }

    pub fn read_peers(&self) -> Vec<(EndpointId, PeerRecord)> {
        self.peers.iter().map(|(id, record)| (EndpointId::from_bytes(*id), PeerRecord::read(record).unwrap())).collect()
    }

    /// The cells of a Pair, in the order of their arrival.
    pub fn read_cells(&self, pair: u32) -> Vec<(String, StoredCell)> {
        let of_pair = self.cells.range((pair, String::new())..(pair + 1, String::new()));
        let mut cells: Vec<_> = of_pair.map(|((_, path), record)| (path.clone(), read_cell(record).unwrap())).collect();
        cells.sort_by_key(|(_, cell)| cell.arrival);
        cells
    }

    pub fn pair(&self, id: PairId) -> Option<PairRecord> {
        self.pairs.get(id.as_bytes()).map(|record| PairRecord::read(record).unwrap())
    }

    pub fn cell(&self, pair: u32, path: &str) -> Option<StoredCell> {
        self.cells.get(&(pair, path.to_owned())).map(|record| read_cell(record).unwrap())
    }
}
