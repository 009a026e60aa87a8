//! The engine's records in the ledger: read at the opening, loaded when a Pair wakes.

use crate::error::Error;
use crate::time;
use spook_ledger::{Batch, KeyRange, Ledger, LedgerError, Table};
use spook_protocol::error::Code;
use spook_protocol::estp::half::HalfRecord;
use spook_protocol::estp::ordered::Key;
use spook_protocol::estp::rule::CustomRules;
use spook_protocol::estp::schema::{CollapseMode, Schema};
use spook_protocol::estp::state::StoredCell;
use spook_protocol::estp::{Author, HalfPair, Stamp};
use spook_protocol::etcp::{Identity, TicketId, TicketSecret};
use spook_protocol::id::{EndpointId, PairId};
use spook_protocol::pointer;
use spook_protocol::record::{self, EndpointRecord, PairRecord, PeerRecord, TicketRecord};
use spook_protocol::wire::Malformed;
use std::sync::Arc;

const IDENTITY: &[u8] = b"identity";
/// The key of the endpoint's record.
pub(crate) const ENDPOINT: &[u8] = b"endpoint";

/// What an engine starts from.
pub(crate) struct Opened {
    pub(crate) identity: Identity,
    pub(crate) endpoint: EndpointRecord,
    /// The file is a copy or an old version of the one that was written last: another process may go on from the same numbers.
    pub(crate) moved: bool,
    /// The run before did not end cleanly: numbers above `endpoint.durable` may have been given and lost.
    pub(crate) unclean: bool,
}

/// Reads who this endpoint is, or makes it up in a new ledger.
pub(crate) fn open(ledger: &Ledger) -> Result<Opened, Error> {
    let identity = match ledger.get_secret(Table::Meta, IDENTITY)? {
        Some(secret) => {
            let secret = secret.as_slice().try_into().map_err(|_| corrupt("the identity", Malformed("length")))?;
            Identity::from_secret_bytes(secret)
        }
        None => create_identity(ledger)?,
    };
    let endpoint = match ledger.get(Table::Meta, ENDPOINT)? {
        Some(bytes) => EndpointRecord::read(&bytes).map_err(|error| corrupt("the endpoint's record", error))?,
        None => EndpointRecord { epoch: time::random_u32(), durable: 0, number_ceiling: 0, stamp_ceiling: Stamp::ZERO },
    };
    Ok(Opened { identity, endpoint, moved: ledger.moved(), unclean: !ledger.closed_cleanly() })
}

fn create_identity(ledger: &Ledger) -> Result<Identity, Error> {
    let identity = Identity::generate(time::seed());
    let mut batch = Batch::new();
    ledger.put_secret(&mut batch, Table::Meta, IDENTITY, &identity.to_secret_bytes()[..])?;
    ledger.commit(&mut batch)?;
    Ok(identity)
}

fn corrupt(what: &str, error: Malformed) -> Error {
    Error::new(Code::LedgerCorrupt, format!("{what}: {error}"))
}

/// Reads all records of a table whose keys have `N` bytes.
fn read_all<const N: usize, T>(
    ledger: &Ledger,
    table: Table,
    what: &str,
    read: impl Fn(&[u8]) -> Result<T, Malformed>,
) -> Result<Vec<([u8; N], T)>, Error> {
    let mut records = Vec::new();
    let mut failed = None;
    ledger.scan(table, KeyRange::all(), &mut |key, value| {
        match <[u8; N]>::try_from(key).map_err(|_| Malformed("key")).and_then(|key| Ok((key, read(value)?))) {
            Ok(record) => records.push(record),
            Err(error) => failed = Some(corrupt(what, error)),
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(records), Err)
}

/// The Pairs in the order of their last change.
pub(crate) fn read_pairs(ledger: &Ledger) -> Result<Vec<(PairId, PairRecord)>, Error> {
    let mut pairs = read_all(ledger, Table::Pairs, "a Pair's record", PairRecord::read)?;
    pairs.sort_by_key(|(_, pair)| pair.changed);
    Ok(pairs.into_iter().map(|(id, pair)| (PairId::from_bytes(id), pair)).collect())
}

/// The peers.
pub(crate) fn read_peers(ledger: &Ledger) -> Result<Vec<(EndpointId, PeerRecord)>, Error> {
    let peers = read_all(ledger, Table::Peers, "a peer's record", PeerRecord::read)?;
    Ok(peers.into_iter().map(|(id, peer)| (EndpointId::from_bytes(id), peer)).collect())
}

/// A ticket that was issued, with its secret.
pub(crate) struct Issued {
    pub(crate) record: TicketRecord,
    pub(crate) secret: TicketSecret,
}

/// The tickets.
pub(crate) fn read_tickets(ledger: &Ledger) -> Result<Vec<(TicketId, Issued)>, Error> {
    let records = read_all::<8, _>(ledger, Table::Tickets, "a ticket's record", TicketRecord::read)?;
    let mut tickets = Vec::new();
    for (id, record) in records {
        let id = TicketId(id);
        let secret = ledger.get_secret(Table::Meta, &secret_key(id))?;
        let secret = secret.and_then(|secret| <[u8; 16]>::try_from(secret.as_slice()).ok());
        let secret = TicketSecret::from_bytes(secret.ok_or_else(|| corrupt("a ticket's secret", Malformed("length")))?);
        tickets.push((id, Issued { record, secret }));
    }
    Ok(tickets)
}

fn secret_key(id: TicketId) -> Vec<u8> {
    [b"ticket/".as_slice(), &id.0].concat()
}

/// The key of a cell: the Pair's row and the path.
pub(crate) fn cell_key(key: &mut Vec<u8>, row: u32, path: &str) {
    key.clear();
    key.extend_from_slice(&row.to_be_bytes());
    key.extend_from_slice(path.as_bytes());
}

/// In the place of a path, whose first byte is '/': the log of an ordered Pair, and the bodies in it.
const LOG: u8 = 1;
const BODY: u8 = 2;

/// The key of what an ordered Pair keeps of its log besides the candidates.
pub(crate) fn log_key(key: &mut Vec<u8>, row: u32) {
    key.clear();
    key.extend_from_slice(&row.to_be_bytes());
    key.push(LOG);
}

/// The key of a candidate in the log of an ordered Pair.
pub(crate) fn body_key(key: &mut Vec<u8>, row: u32, (author, number): Key) {
    key.clear();
    key.extend_from_slice(&row.to_be_bytes());
    key.push(BODY);
    key.extend_from_slice(&author.0.to_be_bytes());
    key.extend_from_slice(&number.to_be_bytes());
}

fn read_cell(key: &[u8], value: &[u8]) -> Result<(String, StoredCell), Error> {
    let path = key.get(4..).and_then(|path| std::str::from_utf8(path).ok()).ok_or_else(|| corrupt("a cell's key", Malformed("path")))?;
    let cell = record::read_cell(value).map_err(|error| corrupt("a cell", error))?;
    Ok((path.to_owned(), cell))
}

/// What a half needs besides its record and its cells.
pub(crate) struct Outfit {
    pub(crate) schema: Arc<Schema>,
    pub(crate) rules: Arc<dyn CustomRules>,
}

impl Outfit {
    /// A half that begins.
    pub(crate) fn new_half(self, me: Author, peer: Option<EndpointId>) -> HalfPair {
        self.restore(me, HalfRecord::new(peer))
    }

    fn restore(self, me: Author, record: HalfRecord) -> HalfPair {
        // The seed spreads keys over a hash table in a way that nobody outside can foresee.
        let mut half = HalfPair::restore(me, record, u64::from(time::random_u32()));
        let is_eager = self.schema.collapse_mode() == CollapseMode::Eager;
        half.set_schema(self.schema);
        half.set_rules(self.rules, is_eager);
        half
    }

    /// Brings a half back with all its cells.
    pub(crate) fn load_half(self, ledger: &Ledger, row: u32, me: Author, record: HalfRecord) -> Result<HalfPair, Error> {
        let is_ordered = self.schema.is_ordered();
        let mut half = self.restore_with(me, record, scan_cells(ledger, &row.to_be_bytes())?)?;
        if is_ordered {
            load_log(ledger, row, &mut half)?;
        }
        Ok(half)
    }

    /// Brings a half back with the cells at and below a path alone: that is enough to read there.
    pub(crate) fn load_part(self, ledger: &Ledger, row: u32, me: Author, record: HalfRecord, path: &str) -> Result<HalfPair, Error> {
        let mut canonical = String::with_capacity(path.len());
        for key in pointer::keys(path)? {
            pointer::push_key(&mut canonical, &key?);
        }
        let mut key = Vec::new();
        cell_key(&mut key, row, &canonical);
        let mut cells = Vec::new();
        if let Some(value) = ledger.get(Table::Cells, &key)? {
            cells.push(read_cell(&key, &value)?);
        }
        key.push(b'/');
        cells.extend(scan_cells(ledger, &key)?);
        self.restore_with(me, record, cells)
    }

    fn restore_with(self, me: Author, record: HalfRecord, mut cells: Vec<(String, StoredCell)>) -> Result<HalfPair, Error> {
        cells.sort_by_key(|(_, cell)| cell.arrival);
        let mut half = self.restore(me, record);
        for (path, cell) in cells {
            half.restore_cell(&path, cell).map_err(|_| corrupt("a cell's key", Malformed("path")))?;
        }
        half.restored();
        Ok(half)
    }
}

fn load_log(ledger: &Ledger, row: u32, half: &mut HalfPair) -> Result<(), Error> {
    let mut key = Vec::new();
    log_key(&mut key, row);
    // A Pair that was never stored with its log has none yet.
    let Some(meta) = ledger.get(Table::Cells, &key)? else { return Ok(()) };
    let mut records: Vec<Vec<u8>> = Vec::new();
    key.truncate(4);
    key.push(BODY);
    ledger.scan(Table::Cells, KeyRange::prefix(&key), &mut |_, value| {
        records.push(value.to_vec());
        true
    })?;
    half.restore_log(&meta, records.iter().map(Vec::as_slice)).map_err(|error| corrupt("the log of a Pair", error))
}

fn scan_cells(ledger: &Ledger, prefix: &[u8]) -> Result<Vec<(String, StoredCell)>, Error> {
    let mut cells = Vec::new();
    let mut failed = None;
    ledger.scan(Table::Cells, KeyRange::prefix(prefix), &mut |key, value| {
        if matches!(key.get(4), Some(&(LOG | BODY))) {
            return true;
        }
        match read_cell(key, value) {
            Ok(cell) => cells.push(cell),
            Err(error) => failed = Some(error),
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(cells), Err)
}

/// Puts a ticket's record and, when it is new, its secret.
pub(crate) fn put_ticket(ledger: &Ledger, batch: &mut Batch, id: TicketId, ticket: &Issued, is_new: bool) -> Result<(), LedgerError> {
    let mut value = Vec::new();
    ticket.record.put(&mut value);
    batch.put(Table::Tickets, &id.0, &value);
    if is_new {
        ledger.put_secret(batch, Table::Meta, &secret_key(id), ticket.secret.as_bytes())?;
    }
    Ok(())
}
