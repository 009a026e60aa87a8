//! Rules: how the candidates for one path become one value.
//!
//! | rule | what the state shows of concurrent candidates |
//! |---|---|
//! | `lww` | the last in the order; of equal stamps the one that [`amalgamate`] picks |
//! | `counter` | the sum of what every author has added |
//! | `max`, `min` | the largest, the smallest |
//! | `flag` | true, if one is |
//! | `set` | an array of all elements; a removal takes only the additions it has seen |
//! | `map` | an object; a deletion of members takes only what it has seen |
//! | `custom:NAME` | what a function of that name makes of them |
//! | `transition:NAME` | what a function of that name makes of the state and one candidate after the other (ordered Pairs only) |

pub mod amalgamate;
pub mod counter;
pub mod custom;
pub mod flag;
pub mod max_min;
mod order;
pub mod set;
mod types;

pub use custom::{CustomRules, NoCustomRules, RuleFailure, Transition};
pub use order::total_order;
pub use types::Types;

use std::fmt;
use std::sync::Arc;

/// The rule of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The last candidate in the order wins. What a path without a rule has.
    #[default]
    Lww,
    /// Increments add up.
    Counter,
    /// The largest value wins.
    Max,
    /// The smallest value wins.
    Min,
    /// True wins.
    Flag,
    /// A set of scalars. The elements are cells right below, under the keys that [`set::key`] gives them.
    Set,
    /// The cell of an element of a set. No schema names it: it is the rule of what lies right below a `set`. Such cells change by additions and
    /// removals of elements only, never by a write to their own path.
    Member,
    /// An object whose members are deleted update-wins.
    Map,
    /// A function of that name.
    Custom(Arc<str>),
    /// A transition function of that name.
    Transition(Arc<str>),
}

impl Rule {
    /// The kinds of value that the rule can work with at its path; of a set and a map: as members.
    pub fn permits(&self) -> Types {
        match self {
            Rule::Counter => Types::INT,
            Rule::Max | Rule::Min => Types::NUMBER.or(Types::STRING),
            Rule::Flag | Rule::Member => Types::BOOL,
            Rule::Set => Types::SCALAR,
            Rule::Custom(_) => Types::SCALAR.or(Types::ARRAY),
            Rule::Lww | Rule::Map | Rule::Transition(_) => Types::ANY,
        }
    }

    /// The policy for deletes if the schema names none.
    pub fn default_delete(&self) -> DeletePolicy {
        match self {
            Rule::Set | Rule::Member | Rule::Map => DeletePolicy::UpdateWins,
            _ => DeletePolicy::Lww,
        }
    }
}

/// As a schema names it.
impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Lww => out.write_str("lww"),
            Rule::Counter => out.write_str("counter"),
            Rule::Max => out.write_str("max"),
            Rule::Min => out.write_str("min"),
            Rule::Flag => out.write_str("flag"),
            Rule::Set => out.write_str("set"),
            Rule::Member => out.write_str("element of a set"),
            Rule::Map => out.write_str("map"),
            Rule::Custom(name) => write!(out, "custom:{name}"),
            Rule::Transition(name) => write!(out, "transition:{name}"),
        }
    }
}

/// What becomes of a deletion that is concurrent with a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeletePolicy {
    /// The last in the order counts.
    #[default]
    Lww,
    /// The write stays.
    UpdateWins,
    /// The deletion stays.
    DeleteWins,
}

/// What a schema says of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathRule {
    /// How candidates become one value.
    pub rule: Rule,
    /// How deletions fare.
    pub delete: DeletePolicy,
    /// What the value at the path may be. Nothing may lie below a path that cannot be an object, except the elements of a set.
    pub types: Types,
    /// What the members right below may be: the elements of a set, the members of a map. `ANY` for other rules.
    pub members: Types,
}

impl PathRule {
    /// What every path has if the schema says nothing: `lww`, any value.
    pub const FREE: PathRule = PathRule { rule: Rule::Lww, delete: DeletePolicy::Lww, types: Types::ANY, members: Types::ANY };

    /// A path where nothing may be.
    pub const CLOSED: PathRule = PathRule { types: Types::NONE, members: Types::NONE, ..PathRule::FREE };

    /// A rule with the values that it permits and its own policy for deletes.
    pub fn new(rule: Rule) -> PathRule {
        let (types, members) = match rule {
            Rule::Set => (Types::ARRAY, Types::SCALAR),
            Rule::Map => (Types::OBJECT, Types::ANY),
            _ => (rule.permits(), Types::ANY),
        };
        PathRule { delete: rule.default_delete(), rule, types, members }
    }

    /// What holds right below for a key that the schema does not name.
    #[must_use]
    pub fn below(&self) -> PathRule {
        match self.rule {
            Rule::Set => PathRule { delete: self.delete, ..PathRule::new(Rule::Member) },
            Rule::Map => PathRule { delete: self.delete, types: self.members, ..PathRule::FREE },
            Rule::Lww if self.types.contain(Types::OBJECT) => PathRule { delete: self.delete, ..PathRule::FREE },
            _ => PathRule::CLOSED,
        }
    }
}
