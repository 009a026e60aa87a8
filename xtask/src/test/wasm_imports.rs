//! The import section of a WebAssembly module or object file (WebAssembly Core Specification, "Binary Format", "Modules").

/// The names of the functions that a module wants from outside; `None` if the bytes are no WebAssembly.
///
/// Memories, tables and globals are left out: an object file gets its own from the linker.
pub fn imports(bytes: &[u8]) -> Option<Vec<String>> {
    let mut reader = Reader(bytes.strip_prefix(b"\0asm\x01\0\0\0")?);
    let mut names = Vec::new();
    while !reader.0.is_empty() {
        let section = reader.byte()?;
        let body = reader.bytes()?;
        if section == 2 {
            functions(Reader(body), &mut names)?;
        }
    }
    Some(names)
}

fn functions(mut reader: Reader<'_>, names: &mut Vec<String>) -> Option<()> {
    for _ in 0..reader.number()? {
        reader.bytes()?;
        let name = String::from_utf8_lossy(reader.bytes()?).into_owned();
        match reader.byte()? {
            0 => {
                reader.number()?;
                names.push(name);
            }
            1 => {
                reader.byte()?;
                reader.limits()?;
            }
            2 => reader.limits()?,
            3 => {
                reader.byte()?;
                reader.byte()?;
            }
            4 => {
                reader.byte()?;
                reader.number()?;
            }
            _ => return None,
        }
    }
    Some(())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// An unsigned number of at most 64 bits, seven bits a byte, the low ones first (LEB128).
    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A length, and as many bytes.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// The size of a memory or a table: at least, and perhaps at most.
    fn limits(&mut self) -> Option<()> {
        let flags = self.number()?;
        self.number()?;
        if flags & 1 == 1 {
            self.number()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(section: &[u8]) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        bytes.extend([0, 3, 1, b'x', 9]); // a custom section, to be passed over
        bytes.extend([2, section.len() as u8]);
        bytes.extend(section);
        bytes
    }

    #[test]
    fn functions_are_named_and_the_rest_is_passed_over() {
        let section = [
            &[5][..],
            b"\x03env\x03mem\x02\x01\x01\x90\x01",
            b"\x03env\x01f\x00\x85\x01",
            b"\x03env\x01t\x01\x70\x00\x01",
            b"\x03env\x01g\x03\x7f\x01",
            b"\x03env\x03now\x00\x02",
        ]
        .concat();
        assert_eq!(imports(&module(&section)).unwrap(), ["f", "now"]);
        assert_eq!(imports(&module(&[0])).unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_cut_short_or_something_else_is_refused() {
        assert_eq!(imports(b"ELF"), None);
        let mut bytes = module(b"\x01\x03env\x01f\x00\x85");
        assert_eq!(imports(&bytes), None);
        bytes.truncate(bytes.len() - 3);
        assert_eq!(imports(&bytes), None);
    }
}
