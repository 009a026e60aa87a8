//! A schema compiled: one node for each place, one lookup for each step.

use super::At;
use crate::estp::rule::{PathRule, Rule};

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) rule: PathRule,
    /// Sorted by key. Searched by halving: a peer chooses the keys, so nothing is hashed.
    pub(super) named: Box<[(Box<str>, At)]>,
    /// For every other key: where `*` leads, or what holds below without an entry.
    pub(super) otherwise: At,
}

#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    /// Where paths lead that begin with no register.
    outside: Option<At>,
}

impl Trie {
    /// The first node is the root; every place in a node is that of another.
    pub(super) fn new(nodes: Vec<Node>, outside: Option<At>) -> Trie {
        Trie { nodes, outside }
    }

    fn node(&self, at: At) -> &Node {
        &self.nodes[usize::from(at.0)]
    }

    pub(super) fn step(&self, at: At, key: &str) -> At {
        let node = self.node(at);
        match node.named.binary_search_by(|(named, _)| (**named).cmp(key)) {
            Ok(index) => node.named[index].1,
            Err(_) => node.otherwise,
        }
    }

    pub(super) fn rule(&self, at: At) -> &PathRule {
        &self.node(at).rule
    }

    pub(super) fn is_outside(&self, at: At) -> bool {
        self.outside == Some(at)
    }

    pub(super) fn is_free(&self) -> bool {
        self.nodes.iter().all(|node| node.rule == PathRule::FREE)
    }

    pub(super) fn has_transitions(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.rule.rule, Rule::Transition(_)))
    }

    pub(super) fn functions(&self) -> Vec<String> {
        let named = |node: &Node| matches!(node.rule.rule, Rule::Custom(_) | Rule::Transition(_)).then(|| node.rule.rule.to_string());
        let mut functions: Vec<String> = self.nodes.iter().filter_map(named).collect();
        functions.sort();
        functions.dedup();
        functions
    }
}
