//! The tables of a ledger.

/// A table: a sorted map of byte keys to byte values. What the keys and values mean is the protocol's business;
/// `docs/ledger-format.md` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Records about the ledger and this endpoint as a whole: its identity, counters and ceilings. Keys that begin with a
    /// zero byte belong to this crate.
    Meta = 0,
    /// The other endpoints: keys, addresses, cursors.
    Peers = 1,
    /// The Pairs: names, members, schema.
    Pairs = 2,
    /// Tickets issued and not yet used up.
    Tickets = 3,
    /// The cells of the Pairs.
    Cells = 4,
}

impl Table {
    /// Number of tables.
    pub const COUNT: usize = 5;

    /// All tables in the order of their numbers.
    pub const ALL: [Table; Table::COUNT] = [Table::Meta, Table::Peers, Table::Pairs, Table::Tickets, Table::Cells];

    /// The number of the table in the file format.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The table with this number of the file format.
    pub fn from_number(number: u8) -> Option<Table> {
        Table::ALL.get(usize::from(number)).copied()
    }

    /// The name of the table in the file format and in tools.
    pub fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Peers => "peers",
            Table::Pairs => "pairs",
            Table::Tickets => "tickets",
            Table::Cells => "cells",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions_and_round_trip() {
        for (position, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(table.number()), position);
            assert_eq!(Table::from_number(table.number()), Some(table));
        }
        assert_eq!(Table::from_number(5), None);
    }
}
