//! Yrs, the Rust port of Yjs, with the encoding that its sync protocol uses (1) and with the smaller one that two ends may agree on (2).

use crate::document::{Document, Sync, key};
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Any, Doc, Map, MapRef, Number, Out, ReadTxn, StateVector, Transact, TransactionMut, Update};

/// A replica that encodes updates in version `V`.
pub struct Yrs<const V: u8 = 1> {
    doc: Doc,
    map: MapRef,
}

/// An integer in its shortest form: with variable length.
fn number(value: i64) -> Any {
    Any::Number(Number::Int(value))
}

impl<const V: u8> Yrs<V> {
    fn over(doc: Doc) -> Self {
        let map = doc.get_or_insert_map("m");
        Yrs { doc, map }
    }

    fn apply(&mut self, update: Update) {
        self.doc.transact_mut().apply_update(update).expect("an update that fits");
    }

    fn write(&self, transaction: &mut TransactionMut<'_>, key: &str, value: i64) {
        self.map.insert(transaction, key, number(value));
    }

    /// What the other side lacks, given its state vector.
    fn answer(&self, vector: &[u8]) -> Vec<u8> {
        let vector = StateVector::decode_v1(vector).expect("a state vector as the library made it");
        let transaction = self.doc.transact();
        if V == 1 { transaction.encode_diff_v1(&vector) } else { transaction.encode_diff_v2(&vector) }
    }

    fn take(&mut self, answer: &[u8]) {
        let update = if V == 1 { Update::decode_v1(answer) } else { Update::decode_v2(answer) };
        self.apply(update.expect("an update as the library made it"));
    }
}

impl<const V: u8> Document for Yrs<V> {
    const NAME: &'static str = if V == 1 { "yrs" } else { "yrs v2" };
    const BATCH: usize = 20_000;

    fn new() -> Self {
        Yrs::over(Doc::new())
    }

    fn fill(&mut self, keys: usize, commits: usize) {
        for commit in 0..commits {
            let mut transaction = self.doc.transact_mut();
            for number in keys * commit / commits..keys * (commit + 1) / commits {
                self.write(&mut transaction, &key(number), number as i64);
            }
        }
    }

    fn set(&mut self, key: &str, value: i64) {
        self.write(&mut self.doc.transact_mut(), key, value);
    }

    fn get(&self, key: &str) -> Option<i64> {
        match self.map.get(&self.doc.transact(), key) {
            Some(Out::Any(Any::Number(Number::Int(value)))) => Some(value),
            _ => None,
        }
    }

    fn update(&mut self, key: &str, value: i64) -> Vec<u8> {
        let mut transaction = self.doc.transact_mut();
        self.write(&mut transaction, key, value);
        transaction.commit();
        if V == 1 { transaction.encode_update_v1() } else { transaction.encode_update_v2() }
    }

    fn save(&mut self) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    fn save_state(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn load(bytes: &[u8]) -> Self {
        let mut replica = Self::new();
        replica.apply(Update::decode_v1(bytes).expect("a document as the library saved it"));
        replica
    }

    type Meeting = ();

    fn meet(_: &mut Self, _: &mut Self) {}

    fn sync(one: &mut Self, other: &mut Self, (): &mut ()) -> Sync {
        let mut sync = Sync { steps: 2, ..Sync::default() };
        let vectors = [&*one, &*other].map(|replica| replica.doc.transact().state_vector().encode_v1());
        vectors.iter().for_each(|vector| sync.message(vector));
        let answers = [one.answer(&vectors[1]), other.answer(&vectors[0])];
        answers.iter().for_each(|answer| sync.message(answer));
        one.take(&answers[1]);
        other.take(&answers[0]);
        sync
    }
}
