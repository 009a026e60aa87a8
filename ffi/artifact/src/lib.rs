//! The shared and the static library of libspook: everything in them comes from `spook-ffi`.

// Linked for the functions that it exports.
extern crate spook_ffi as _;
