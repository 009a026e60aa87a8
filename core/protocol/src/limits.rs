//! How large things may be. A limit is checked before anything is allocated or changed, on both sides of a link.

/// Bytes of one key of an object.
pub const KEY_BYTES: usize = 1024;
/// Bytes of a path written as JSON Pointer.
pub const PATH_BYTES: usize = 4096;
/// Levels of nesting of a value or a path.
pub const DEPTH: usize = 64;
/// Bytes of one leaf: a string, bytes, or an array with all it holds, as encoded.
pub const LEAF_BYTES: usize = 64 << 20;
/// Cells that one delta may bring; the first one of a Pair brings all that it has.
pub const DELTA_CELLS: usize = 16 << 20;
/// Bytes of a delta that is staged until its last part has come.
pub const STAGED_BYTES: usize = 512 << 20;
/// Bytes of a Pair's schema, as encoded: it travels in one frame when the Pair is offered.
pub const SCHEMA_BYTES: usize = 32 << 10;
/// Bytes of a Pair's name.
pub const NAME_BYTES: usize = 256;
/// Values of presence that one side of a Pair shows.
pub const PRESENCE_KEYS: usize = 64;
/// Bytes of the key of a value of presence.
pub const PRESENCE_KEY_BYTES: usize = 256;
/// Bytes of a value of presence, as encoded.
pub const PRESENCE_BYTES: usize = 4096;
