//! Handles: tokens that name a slot of a table and its generation, so that a closed handle, a forged one and one of another kind are
//! told apart from a live one without ever following a pointer.
//!
//! A token has the size of a pointer, and its lowest bit is set; with 64 bits its highest bit is set as well, so that it equals no
//! address of a program. Between them lie the epoch (how many forks lie between the first process and this one), the generation of the
//! slot, and its index. A slot is used again only after `QUARANTINE` others of its shard, with the next generation: a stale token is
//! mistaken for a live one after some 10^11 handles at the earliest, with 32 bits after some 10^6.

use crate::failure::Failure;
use spook::Code;
use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[cfg(target_pointer_width = "64")]
const INDEX_BITS: u32 = 26;
#[cfg(target_pointer_width = "64")]
const GENERATION_BITS: u32 = 29;
#[cfg(target_pointer_width = "64")]
const EPOCH_BITS: u32 = 7;
#[cfg(target_pointer_width = "64")]
const FIXED: usize = 1 << 63 | 1;

#[cfg(target_pointer_width = "32")]
const INDEX_BITS: u32 = 17;
#[cfg(target_pointer_width = "32")]
const GENERATION_BITS: u32 = 11;
#[cfg(target_pointer_width = "32")]
const EPOCH_BITS: u32 = 3;
#[cfg(target_pointer_width = "32")]
const FIXED: usize = 1;

const SHARDS: usize = 16;
/// Free slots that a shard keeps back before it uses the oldest again.
const QUARANTINE: usize = 64;

/// What stands behind a handle.
pub(crate) type Object = Arc<dyn Any + Send + Sync>;

/// A handle as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Token(usize);

impl Token {
    fn new(epoch: usize, generation: usize, index: usize) -> Token {
        Token(FIXED | index << 1 | generation << (1 + INDEX_BITS) | epoch << (1 + INDEX_BITS + GENERATION_BITS))
    }

    /// The number that a caller gave as a handle; whether it ever was one shows when it is looked up.
    pub(crate) fn of<H>(handle: *const H) -> Token {
        Token(handle.addr())
    }

    /// The token as a handle for the caller. It is no address.
    pub(crate) fn as_handle<H>(self) -> *mut H {
        std::ptr::without_provenance_mut(self.0)
    }

    fn index(self) -> usize {
        self.0 >> 1 & mask(INDEX_BITS)
    }

    fn generation(self) -> usize {
        self.0 >> (1 + INDEX_BITS) & mask(GENERATION_BITS)
    }

    fn epoch(self) -> usize {
        self.0 >> (1 + INDEX_BITS + GENERATION_BITS) & mask(EPOCH_BITS)
    }
}

const fn mask(bits: u32) -> usize {
    (1 << bits) - 1
}

#[derive(Default)]
struct Slot {
    generation: usize,
    object: Option<Object>,
}

struct Shard {
    slots: Vec<Slot>,
    free: VecDeque<usize>,
}

struct Table {
    epoch: usize,
    next: AtomicUsize,
    shards: [RwLock<Shard>; SHARDS],
}

impl Table {
    const fn new(epoch: usize) -> Table {
        let shards = [const { RwLock::new(Shard { slots: Vec::new(), free: VecDeque::new() }) }; SHARDS];
        Table { epoch, next: AtomicUsize::new(0), shards }
    }

    fn read(&self, index: usize) -> RwLockReadGuard<'_, Shard> {
        // Nothing panics while a shard is locked; if it did, a slot would still be whole.
        self.shards[index % SHARDS].read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, index: usize) -> RwLockWriteGuard<'_, Shard> {
        self.shards[index % SHARDS].write().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, object: Object) -> Option<Token> {
        let shard_index = self.next.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let mut shard = self.write(shard_index);
        let place = if shard.free.len() > QUARANTINE { shard.free.pop_front() } else { None };
        let place = match place {
            Some(place) => place,
            None if shard.slots.len() * SHARDS + shard_index <= mask(INDEX_BITS) => {
                shard.slots.push(Slot::default());
                shard.slots.len() - 1
            }
            None => return None,
        };
        let slot = &mut shard.slots[place];
        slot.object = Some(object);
        Some(Token::new(self.epoch, slot.generation, place * SHARDS + shard_index))
    }

    fn get(&self, token: Token) -> Result<Object, Code> {
        self.check(token)?;
        let shard = self.read(token.index());
        let slot = shard.slots.get(token.index() / SHARDS).filter(|slot| slot.generation == token.generation());
        slot.and_then(|slot| slot.object.clone()).ok_or(Code::Closed)
    }

    /// Takes the object out, if it is of the kind that `is_kind` accepts; its token is stale from then on.
    fn take(&self, token: Token, is_kind: impl FnOnce(&Object) -> bool) -> Result<Object, Code> {
        self.check(token)?;
        let mut shard = self.write(token.index());
        let place = token.index() / SHARDS;
        let slot = shard.slots.get_mut(place).filter(|slot| slot.generation == token.generation()).ok_or(Code::Closed)?;
        if !slot.object.as_ref().is_some_and(is_kind) {
            return Err(Code::Closed);
        }
        let object = slot.object.take().ok_or(Code::Closed)?;
        slot.generation = (slot.generation + 1) & mask(GENERATION_BITS);
        shard.free.push_back(place);
        Ok(object)
    }

    fn check(&self, token: Token) -> Result<(), Code> {
        if token.0 == 0 {
            Err(Code::Null)
        } else if token.0 & FIXED != FIXED {
            Err(Code::Closed)
        } else if token.epoch() < self.epoch {
            Err(Code::Forked)
        } else if token.epoch() > self.epoch {
            Err(Code::Closed)
        } else {
            Ok(())
        }
    }
}

static FIRST: Table = Table::new(0);
static CURRENT: AtomicPtr<Table> = AtomicPtr::new(&raw const FIRST as *mut Table);

fn current() -> &'static Table {
    // SAFETY: CURRENT holds the address of FIRST or of a table that was leaked, so it is valid for ever; nothing takes a &mut of it.
    unsafe { &*CURRENT.load(Ordering::Acquire) }
}

/// After fork() the child begins with an empty table. The locks of the old one may be held by threads that the child does not have, and
/// the engines in it have lost their threads; their tokens are known by their epoch.
#[cfg(unix)]
extern "C" fn in_child() {
    spook::note_fork();
    let epoch = (current().epoch + 1) & mask(EPOCH_BITS);
    CURRENT.store(Box::leak(Box::new(Table::new(epoch))), Ordering::Release);
}

fn watch_forks() {
    #[cfg(unix)]
    {
        use std::sync::atomic::AtomicBool;
        static WATCHED: AtomicBool = AtomicBool::new(false);
        if !WATCHED.load(Ordering::Relaxed) && !WATCHED.swap(true, Ordering::Relaxed) {
            // SAFETY: `in_child` is a function of this library, which stays loaded as long as handlers are registered: the C library
            // takes them back when it unloads it.
            unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        }
    }
}

/// Enters an object and gives its token.
pub(crate) fn insert(object: Object) -> Result<Token, Failure> {
    watch_forks();
    current().insert(object).ok_or_else(|| Failure::new(Code::Backpressure, "the table of handles is full"))
}

/// The object behind a token.
pub(crate) fn get<T: Any + Send + Sync>(token: Token, kind: &'static str) -> Result<Arc<T>, Failure> {
    let refuse = |code| Failure::new(code, kind);
    current().get(token).map_err(refuse)?.downcast().map_err(|_| refuse(Code::Closed))
}

/// Takes the object out; its token is stale from then on.
pub(crate) fn take<T: Any + Send + Sync>(token: Token, kind: &'static str) -> Result<Arc<T>, Failure> {
    let refuse = |code| Failure::new(code, kind);
    // Through the Arc to what it holds: an Arc is Any, too.
    let object = current().take(token, |object| (**object).is::<T>());
    object.map_err(refuse)?.downcast().map_err(|_| refuse(Code::Closed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::new(1)
    }

    fn any(_: &Object) -> bool {
        true
    }

    #[test]
    fn a_token_is_good_until_it_is_taken() {
        let table = table();
        let token = table.insert(Arc::new(7u32)).unwrap();
        assert_eq!(*table.get(token).unwrap().downcast::<u32>().unwrap(), 7);
        assert!(table.take(token, any).is_ok());
        assert_eq!(table.get(token).unwrap_err(), Code::Closed);
        assert_eq!(table.take(token, any).unwrap_err(), Code::Closed);
    }

    #[test]
    fn a_token_of_another_kind_takes_nothing() {
        let token = insert(Arc::new(7u32)).unwrap();
        assert_eq!(get::<u64>(token, "x").unwrap_err().code, Code::Closed);
        assert_eq!(take::<u64>(token, "x").unwrap_err().code, Code::Closed);
        assert_eq!(*take::<u32>(token, "x").unwrap(), 7);
    }

    #[test]
    fn no_number_is_mistaken_for_a_token() {
        let table = table();
        let token = table.insert(Arc::new(())).unwrap();
        assert_eq!(table.get(Token(0)).unwrap_err(), Code::Null);
        for bit in 0..usize::BITS {
            let forged = Token(token.0 ^ 1 << bit);
            let code = table.get(forged).unwrap_err();
            assert!(code == Code::Closed || (code == Code::Forked && forged.epoch() == 0), "bit {bit}: {code:?}");
        }
        for number in [1, 2, usize::MAX, usize::MAX - 1, usize::MAX / 2, 0xdead_beef] {
            assert!(table.get(Token(number)).is_err());
        }
    }

    #[test]
    fn a_token_from_before_a_fork_says_so() {
        let before = Table::new(0).insert(Arc::new(())).unwrap();
        assert_eq!(table().get(before).unwrap_err(), Code::Forked);
        assert_eq!(Table::new(0).get(table().insert(Arc::new(())).unwrap()).unwrap_err(), Code::Closed);
    }

    #[test]
    fn a_slot_is_used_again_with_another_generation_and_not_at_once() {
        let table = table();
        let first = table.insert(Arc::new(())).unwrap();
        table.take(first, any).unwrap();
        let mut uses = 1;
        let again = loop {
            let token = table.insert(Arc::new(())).unwrap();
            if token.index() == first.index() {
                break token;
            }
            table.take(token, any).unwrap();
            uses += 1;
        };
        assert!(uses > QUARANTINE, "{uses}");
        assert_eq!(again.generation(), first.generation() + 1);
        let slots: usize = table.shards.iter().map(|shard| shard.read().unwrap().slots.len()).sum();
        assert!(slots <= (QUARANTINE + 2) * SHARDS, "{slots}");
    }

    #[test]
    fn generations_wrap_within_their_bits() {
        let table = table();
        let token = table.insert(Arc::new(())).unwrap();
        table.shards[0].write().unwrap().slots[0].generation = mask(GENERATION_BITS);
        let last = Token::new(1, mask(GENERATION_BITS), token.index());
        table.take(last, any).unwrap();
        assert_eq!(table.shards[0].read().unwrap().slots[0].generation, 0);
        assert_eq!((last.index(), last.epoch()), (token.index(), 1));
    }

    #[test]
    fn threads_see_each_others_handles() {
        let tokens: Vec<Token> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8u32).map(|n| scope.spawn(move || insert(Arc::new(n)).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (n, token) in tokens.into_iter().enumerate() {
            assert_eq!(*take::<u32>(token, "x").unwrap(), n as u32);
        }
    }
}
