//! Structs that begin with `uint32_t struct_size`, so that later versions may add fields at their end.

use crate::failure::Failure;
use std::mem::MaybeUninit;

/// A struct whose first field is `struct_size`.
///
/// # Safety
/// The type is `repr(C)`, its first field is a `u32`, and all bits zero are a value of it.
pub(crate) unsafe trait Versioned: Copy {
    const NAME: &'static str;
    /// Where the fields end that may be the last one in the struct of an older or of this version, ascending; the last is the whole size.
    const ENDS: &'static [usize];
}

/// What this version knows of a struct that a caller of any version gives; NULL is all zero, the default of every field.
///
/// # Safety
/// `given` is NULL or points to as many bytes as its first field says.
pub(crate) unsafe fn read<T: Versioned>(given: *const T) -> Result<T, Failure> {
    let mut value = MaybeUninit::<T>::zeroed();
    if !given.is_null() {
        // SAFETY: the caller promises that the first field is there.
        let size = unsafe { size_of_given(given)? };
        let known = size.min(size_of::<T>());
        // SAFETY: the caller promises `size` bytes; `value` has room for `known` of them.
        unsafe { given.cast::<u8>().copy_to_nonoverlapping(value.as_mut_ptr().cast(), known) };
        // SAFETY: the bytes from `known` to `size` are among those promised.
        let tail = unsafe { std::slice::from_raw_parts(given.cast::<u8>().add(known), size - known) };
        if tail.iter().any(|byte| *byte != 0) {
            return Err(Failure::invalid(format!("{} sets a field that this version does not know", T::NAME)));
        }
    }
    // SAFETY: all zero is a value of `T`, and so is what the caller's fields make of it.
    Ok(unsafe { value.assume_init() })
}

/// A place for a struct that a caller of any version gives.
pub(crate) struct SizedOut<T> {
    place: *mut T,
    size: usize,
}

impl<T: Versioned> SizedOut<T> {
    /// # Safety
    /// `place` is NULL or valid for reads and writes of as many bytes as its first field says, until the call ends.
    pub(crate) unsafe fn new(place: *mut T, argument: &'static str) -> Result<SizedOut<T>, Failure> {
        if place.is_null() {
            return Err(Failure::null(argument));
        }
        // SAFETY: the caller promises that the first field is there.
        let size = unsafe { size_of_given(place)? };
        Ok(SizedOut { place, size })
    }

    /// Writes the fields that the caller knows; those that only the caller knows become zero. `struct_size` stays as the caller set it.
    pub(crate) fn set(self, value: &T) {
        let known = self.size.min(size_of::<T>());
        let (from, to) = ((&raw const *value).cast::<u8>(), self.place.cast::<u8>());
        // SAFETY: `new` was promised `size` writable bytes, and both offsets lie within the smaller of the two structs or at its end.
        unsafe {
            from.add(size_of::<u32>()).copy_to_nonoverlapping(to.add(size_of::<u32>()), known - size_of::<u32>());
            to.add(known).write_bytes(0, self.size - known);
        }
    }
}

/// # Safety
/// A `u32` is readable at `given`.
unsafe fn size_of_given<T: Versioned>(given: *const T) -> Result<usize, Failure> {
    // SAFETY: as promised.
    let size = unsafe { given.cast::<u32>().read() } as usize;
    // A struct of a later version is larger by some fields; what is larger than that was never a size.
    let plausible = T::ENDS.contains(&size) || (size > size_of::<T>() && size <= size_of::<T>() + 1024);
    if plausible {
        return Ok(size);
    }
    Err(Failure::invalid(format!("struct_size of {} is {size}; set it to sizeof({})", T::NAME, T::NAME)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Two {
        struct_size: u32,
        a: u32,
        b: u64,
    }

    // SAFETY: repr(C), u32 first, integers only.
    unsafe impl Versioned for Two {
        const NAME: &'static str = "two";
        const ENDS: &'static [usize] = &[offset_of!(Two, b), size_of::<Two>()];
    }

    #[repr(C)]
    struct Later {
        two: Two,
        c: u64,
    }

    fn later(size: usize, c: u64) -> Later {
        Later { two: Two { struct_size: size as u32, a: 1, b: 2 }, c }
    }

    fn read_back(given: &Later) -> Result<Two, Failure> {
        // SAFETY: the sizes used below are at most that of `Later`, or are refused.
        unsafe { read((&raw const *given).cast::<Two>()) }
    }

    #[test]
    fn older_and_newer_structs_are_read() {
        assert_eq!(read_back(&later(8, 9)).unwrap(), Two { struct_size: 8, a: 1, b: 0 });
        assert_eq!(read_back(&later(16, 9)).unwrap(), Two { struct_size: 16, a: 1, b: 2 });
        assert_eq!(read_back(&later(24, 0)).unwrap(), Two { struct_size: 24, a: 1, b: 2 });
        assert!(read_back(&later(24, 9)).unwrap_err().detail.contains("does not know"));
        // SAFETY: NULL is legal.
        assert_eq!(unsafe { read::<Two>(std::ptr::null()) }.unwrap(), Two { struct_size: 0, a: 0, b: 0 });
    }

    #[test]
    fn sizes_that_no_version_has_are_refused() {
        for size in [0, 1, 4, 12, 15, 5000, u32::MAX as usize] {
            assert!(read_back(&later(size, 0)).is_err(), "{size}");
        }
    }

    #[test]
    fn only_what_the_caller_knows_is_written() {
        let value = Two { struct_size: 99, a: 7, b: 8 };
        for (size, b, c) in [(8, 2, 5), (16, 8, 5), (24, 8, 0)] {
            let mut given = later(size, 5);
            // SAFETY: no size is larger than `Later`.
            unsafe { SizedOut::new((&raw mut given).cast::<Two>(), "out") }.unwrap().set(&value);
            assert_eq!((given.two, given.c), (Two { struct_size: size as u32, a: 7, b }, c));
        }
    }
}
