//! The records of an endpoint in its ledger: written as the engine writes them, read as it reads them.

use spook_ledger::{Batch, KeyRange, Ledger, LedgerError, Table};
use spook_protocol::estp::half::HalfRecord;
use spook_protocol::estp::rule::NoCustomRules;
use spook_protocol::estp::schema::{CollapseMode, Schema};
use spook_protocol::estp::{Author, HalfPair, Stamp};
use spook_protocol::etcp::{TicketId, TicketSecret};
use spook_protocol::id::{EndpointId, PairId};
use spook_protocol::record::{self, EndpointRecord, PairRecord, PeerRecord, TicketRecord};
use spook_protocol::value::Value;
use std::sync::Arc;

const ENDPOINT: &[u8] = b"endpoint";

/// A ticket that was issued, with its secret.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What the ledger keeps of it.
    pub record: TicketRecord,
    /// Its secret.
    pub secret: TicketSecret,
}

/// The endpoint's record; that of a new ledger bears `epoch`.
pub fn read_endpoint(ledger: &Ledger, epoch: u32) -> Result<EndpointRecord, LedgerError> {
    let found = ledger.get(Table::Meta, ENDPOINT)?;
    let new = EndpointRecord { epoch, durable: 0, number_ceiling: 0, stamp_ceiling: Stamp::ZERO };
    Ok(found.map_or(new, |bytes| EndpointRecord::read(&bytes).expect("a record that the engine wrote")))
}

/// Puts the endpoint's record.
pub fn put_endpoint(batch: &mut Batch, record: EndpointRecord) {
    let mut bytes = Vec::new();
    record.put(&mut bytes);
    batch.put(Table::Meta, ENDPOINT, &bytes);
}

/// A key and its value.
type Row = (Vec<u8>, Vec<u8>);

fn scan(ledger: &Ledger, table: Table, prefix: &[u8]) -> Result<Vec<Row>, LedgerError> {
    let mut found = Vec::new();
    ledger.scan(table, KeyRange::prefix(prefix), &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        true
    })?;
    Ok(found)
}

fn id(key: &[u8]) -> [u8; 16] {
    key.try_into().expect("a key of 16 bytes")
}

/// The Pairs in the order of their last change.
pub fn read_pairs(ledger: &Ledger) -> Result<Vec<(PairId, PairRecord)>, LedgerError> {
    let read = |(key, value): Row| (PairId::from_bytes(id(&key)), PairRecord::read(&value).expect("a record that the engine wrote"));
    let mut pairs: Vec<_> = scan(ledger, Table::Pairs, &[])?.into_iter().map(read).collect();
    pairs.sort_by_key(|(_, pair)| pair.changed);
    Ok(pairs)
}

/// Puts a Pair's record.
pub fn put_pair(batch: &mut Batch, pair: PairId, record: &PairRecord) {
    let mut bytes = Vec::new();
    record.put(&mut bytes);
    batch.put(Table::Pairs, pair.as_bytes(), &bytes);
}

/// The peers.
pub fn read_peers(ledger: &Ledger) -> Result<Vec<(EndpointId, PeerRecord)>, LedgerError> {
    let read = |(key, value): Row| (EndpointId::from_bytes(id(&key)), PeerRecord::read(&value).expect("a record that the engine wrote"));
    Ok(scan(ledger, Table::Peers, &[])?.into_iter().map(read).collect())
}

/// Puts a peer's record.
pub fn put_peer(batch: &mut Batch, peer: EndpointId, record: &PeerRecord) {
    let mut bytes = Vec::new();
    record.put(&mut bytes);
    batch.put(Table::Peers, peer.as_bytes(), &bytes);
}

fn secret_key(id: TicketId) -> Vec<u8> {
    [b"ticket/".as_slice(), &id.0].concat()
}

/// The tickets that were issued.
pub fn read_tickets(ledger: &Ledger) -> Result<Vec<Issued>, LedgerError> {
    let mut tickets = Vec::new();
    for (key, value) in scan(ledger, Table::Tickets, &[])? {
        let id = TicketId(key.try_into().expect("a key of 8 bytes"));
        let secret = ledger.get_secret(Table::Meta, &secret_key(id))?.expect("the secret of a ticket");
        let secret = TicketSecret::from_bytes(secret.as_slice().try_into().expect("a secret of 16 bytes"));
        tickets.push(Issued { record: TicketRecord::read(&value).expect("a record that the engine wrote"), secret });
    }
    Ok(tickets)
}

/// Puts a ticket with its secret.
pub fn put_ticket(ledger: &Ledger, batch: &mut Batch, ticket: &Issued) -> Result<(), LedgerError> {
    let id = ticket.secret.id();
    let mut bytes = Vec::new();
    ticket.record.put(&mut bytes);
    batch.put(Table::Tickets, &id.0, &bytes);
    ledger.put_secret(batch, Table::Meta, &secret_key(id), ticket.secret.as_bytes())
}

fn cell_key(row: u32, path: &str) -> Vec<u8> {
    [&row.to_be_bytes(), path.as_bytes()].concat()
}

/// Puts the cells of a half that arrived after a number, and removes those that were pruned.
pub fn put_cells(batch: &mut Batch, row: u32, half: &mut HalfPair, after: u64) {
    // Before the cells: a path that was pruned may have been written again.
    half.take_pruned().iter().for_each(|path| batch.delete(Table::Cells, &cell_key(row, path)));
    for cell in half.state().after(after) {
        let (mut path, mut bytes) = (String::new(), Vec::new());
        half.state().write_path(cell, &mut path);
        record::put_cell(&mut bytes, half.state(), cell);
        batch.put(Table::Cells, &cell_key(row, &path), &bytes);
    }
}

/// A half under a schema.
pub fn new_half(me: Author, record: HalfRecord, schema: &Value) -> HalfPair {
    let schema = Arc::new(Schema::parse(schema).expect("a schema that was checked"));
    let mut half = HalfPair::restore(me, record, 0);
    let is_eager = schema.collapse_mode() == CollapseMode::Eager;
    half.set_schema(schema);
    half.set_rules(Arc::new(NoCustomRules), is_eager);
    half
}

/// The keys of all cells of a Pair.
pub fn cell_paths(ledger: &Ledger, row: u32) -> Result<Vec<String>, LedgerError> {
    let path = |(key, _): Row| String::from_utf8(key[4..].to_vec()).expect("a path");
    Ok(scan(ledger, Table::Cells, &row.to_be_bytes())?.into_iter().map(path).collect())
}

/// Brings a half back with all its cells.
pub fn load_half(ledger: &Ledger, row: u32, me: Author, record: HalfRecord, schema: &Value) -> Result<HalfPair, LedgerError> {
    let read = |(key, value): Row| {
        let path = String::from_utf8(key[4..].to_vec()).expect("a path");
        (path, record::read_cell(&value).expect("a record that the engine wrote"))
    };
    let mut cells: Vec<_> = scan(ledger, Table::Cells, &row.to_be_bytes())?.into_iter().map(read).collect();
    cells.sort_by_key(|(_, cell)| cell.arrival);
    let mut half = new_half(me, record, schema);
    for (path, cell) in cells {
        half.restore_cell(&path, cell).expect("a path that the engine wrote");
    }
    half.restored();
    Ok(half)
}
