//! Loro.

use crate::document::{Document, Sync, key};
use loro::{ExportMode, LoroDoc, LoroMap, LoroValue, ValueOrContainer, VersionVector};

/// A replica.
pub struct Loro {
    doc: LoroDoc,
    map: LoroMap,
}

impl Loro {
    fn over(doc: LoroDoc) -> Loro {
        let map = doc.get_map("m");
        Loro { doc, map }
    }

    fn since(&self, vector: &VersionVector) -> Vec<u8> {
        self.doc.export(ExportMode::updates(vector)).expect("a version vector of this document")
    }

    fn import(&self, bytes: &[u8]) {
        self.doc.import(bytes).expect("bytes as the library made them");
    }
}

impl Document for Loro {
    const NAME: &'static str = "loro";
    const BATCH: usize = 20_000;

    fn new() -> Loro {
        Loro::over(LoroDoc::new())
    }

    fn fill(&mut self, keys: usize, commits: usize) {
        for commit in 0..commits {
            for number in keys * commit / commits..keys * (commit + 1) / commits {
                self.map.insert(&key(number), number as i64).expect("a map takes any key");
            }
            self.doc.commit();
        }
    }

    fn set(&mut self, key: &str, value: i64) {
        self.map.insert(key, value).expect("a map takes any key");
        self.doc.commit();
    }

    fn get(&self, key: &str) -> Option<i64> {
        match self.map.get(key) {
            Some(ValueOrContainer::Value(LoroValue::I64(value))) => Some(value),
            _ => None,
        }
    }

    fn update(&mut self, key: &str, value: i64) -> Vec<u8> {
        let before = self.doc.oplog_vv();
        self.set(key, value);
        self.since(&before)
    }

    fn save(&mut self) -> Vec<u8> {
        self.doc.export(ExportMode::Snapshot).expect("a document can be saved")
    }

    fn save_state(&mut self) -> Option<Vec<u8>> {
        let now = self.doc.oplog_frontiers();
        Some(self.doc.export(ExportMode::shallow_snapshot(&now)).expect("a document can be saved"))
    }

    fn load(bytes: &[u8]) -> Loro {
        let replica = Loro::new();
        replica.import(bytes);
        replica
    }

    type Meeting = ();

    fn meet(_: &mut Loro, _: &mut Loro) {}

    fn sync(one: &mut Loro, other: &mut Loro, (): &mut ()) -> Sync {
        let mut sync = Sync { steps: 2, ..Sync::default() };
        let vectors = [&*one, &*other].map(|replica| replica.doc.oplog_vv().encode());
        vectors.iter().for_each(|vector| sync.message(vector));
        let [of_one, of_other] = vectors.map(|bytes| VersionVector::decode(&bytes).expect("a version vector as the library made it"));
        let answers = [one.since(&of_other), other.since(&of_one)];
        answers.iter().for_each(|answer| sync.message(answer));
        one.import(&answers[1]);
        other.import(&answers[0]);
        sync
    }
}
