//! Reading and writing the fixed fields of tickets and handshake payloads. Integers are big-endian.

/// Most addresses that a ticket or a handshake payload carries.
pub const MAX_ADDRESSES: usize = 8;

/// Most bytes (UTF-8) of one address.
pub const MAX_ADDRESS_LEN: usize = 255;

/// What is left of a buffer. Every method returns `None` when there is too little left, and allocates only what is there.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A count byte, then for each address a length byte and UTF-8.
    pub(super) fn addresses(&mut self) -> Option<Vec<String>> {
        let count = usize::from(self.u8()?);
        if count > MAX_ADDRESSES {
            return None;
        }
        (0..count).map(|_| self.address()).collect()
    }

    fn address(&mut self) -> Option<String> {
        let len = usize::from(self.u8()?);
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        let text = core::str::from_utf8(taken).ok()?;
        is_address(text).then(|| text.to_owned())
    }

    /// Everything that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }
}

/// Writes what [`Reader::addresses`] reads. `false` if there are too many, or one is empty, too long or has control characters.
#[must_use]
pub(super) fn put_addresses(out: &mut Vec<u8>, addresses: &[String]) -> bool {
    if addresses.len() > MAX_ADDRESSES || !addresses.iter().all(|text| is_address(text)) {
        return false;
    }
    out.push(addresses.len() as u8);
    for address in addresses {
        out.push(address.len() as u8);
        out.extend_from_slice(address.as_bytes());
    }
    true
}

/// Addresses get printed and logged, so they must not be able to forge a line or move the cursor.
fn is_address(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ADDRESS_LEN && !text.chars().any(char::is_control)
}
