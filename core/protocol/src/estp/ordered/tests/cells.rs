//! Cells as two maps by path, as plain as can be.

use crate::estp::ordered::Cells;
use crate::estp::state::Version;
use crate::pointer;
use crate::value::{Object, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub(super) struct MapCells {
    base: BTreeMap<String, Version>,
    shown: BTreeMap<String, Version>,
}

/// The value that live cells make at a path.
pub(super) fn assemble<'v>(live: impl Iterator<Item = (&'v str, &'v Value)>, path: &str) -> Option<Value> {
    let mut own = None;
    let mut below: Vec<(Vec<String>, Value)> = Vec::new();
    for (at, value) in live.filter(|(at, _)| pointer::is_within(at, path)) {
        let keys: Vec<String> = pointer::keys(&at[path.len()..]).unwrap().map(|key| key.unwrap().into_owned()).collect();
        if keys.is_empty() {
            own = Some(value.clone());
        } else {
            below.push((keys, value.clone()));
        }
    }
    if below.is_empty() { own } else { Some(nest(below)) }
}

fn nest(cells: Vec<(Vec<String>, Value)>) -> Value {
    let mut members: BTreeMap<String, Vec<(Vec<String>, Value)>> = BTreeMap::new();
    for (mut keys, value) in cells {
        let first = keys.remove(0);
        members.entry(first).or_default().push((keys, value));
    }
    let value = |mut cells: Vec<(Vec<String>, Value)>| {
        let deeper: Vec<_> = cells.extract_if(.., |(keys, _)| !keys.is_empty()).collect();
        if deeper.is_empty() { cells.pop().unwrap().1 } else { nest(deeper) }
    };
    Value::from(members.into_iter().map(|(key, cells)| (Arc::from(key), value(cells))).collect::<Object>())
}

impl Cells for MapCells {
    fn shown(&self, path: &str) -> Option<&Version> {
        self.shown.get(path)
    }

    fn base(&self, path: &str) -> Option<&Version> {
        self.base.get(path)
    }

    fn show(&mut self, path: &str, version: Option<Version>) {
        match version {
            Some(version) => self.shown.insert(path.to_owned(), version),
            None => self.shown.remove(path),
        };
    }

    fn commit(&mut self, path: &str, version: Version, _number: u64) {
        let is_shown = self.shown.get(path) == self.base.get(path);
        self.base.insert(path.to_owned(), version.clone());
        if is_shown {
            self.shown.insert(path.to_owned(), version);
        }
    }

    fn prune(&mut self, path: &str) {
        let is_shown = self.shown.get(path) == self.base.get(path);
        assert_eq!(self.base.remove(path).map(|version| version.value), Some(None), "only tombstones are pruned");
        if is_shown {
            self.shown.remove(path);
        }
    }

    fn read(&self, path: &str) -> Option<Value> {
        let live = self.shown.iter().filter_map(|(at, version)| Some((at.as_str(), version.value.as_ref()?)));
        assemble(live, path)
    }

    fn visit_live(&self, path: &str, visit: &mut dyn FnMut(&str, &Version)) {
        for (at, version) in self.shown.iter().filter(|(at, version)| version.value.is_some() && pointer::is_within(at, path)) {
            visit(at, version);
        }
    }

    fn visit_base(&self, visit: &mut dyn FnMut(&str, &Version)) {
        self.base.iter().for_each(|(path, version)| visit(path, version));
    }
}
