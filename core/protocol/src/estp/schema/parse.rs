//! From a document to a schema.

use super::compile::{self, ANY_KEY, Draft, Entry};
use super::{Anchor, CollapseMode, Consistency, Schema, SchemaError, Settings, VERSION, digest, some_of};
use crate::estp::rule::{DeletePolicy, PathRule, Rule, Types};
use crate::limits;
use crate::pointer;
use crate::value::{Object, Value};
use crate::wire;
use std::sync::Arc;

/// Uncommitted candidates of an ordered Pair, unless the schema says otherwise.
const PENDING: usize = 1024;
/// The most that a schema may ask for.
const PENDING_MOST: i64 = 65_536;
/// Characters of a text that a message repeats.
const BRIEF: usize = 60;
/// Bytes of the name of a function.
const FUNCTION_BYTES: usize = 128;

const RULES: &str = "lww, counter, max, min, flag, set, map, custom:NAME, transition:NAME";

pub(super) fn free() -> Schema {
    let document = Value::empty_object();
    let settings = Settings {
        consistency: Consistency::default(),
        anchor: None,
        guards: false,
        pending: PENDING,
        collapse: CollapseMode::default(),
        registers: Vec::new(),
    };
    Schema { digest: digest(&document), document, settings, trie: compile::free() }
}

pub(super) fn parse(document: &Value) -> Result<Schema, SchemaError> {
    let Value::Object(fields) = document else {
        return Err(SchemaError::new("", format!("is an object, and {} came", document.type_name())));
    };
    check_size(document)?;
    if let Some(version) = fields.get("version").filter(|version| **version != Value::Int(VERSION)) {
        return Err(SchemaError::new("/version", format!("is {}; known is {VERSION}", brief(version))));
    }
    let registers = registers(fields)?;
    let mut draft = Draft::default();
    rules(fields, "", &mut draft)?;
    check_registers(&draft, &registers)?;
    for (name, register) in members(fields, "registers", "")? {
        let mut path = String::new();
        pointer::push_key(&mut path, name);
        let Value::Object(register) = register else {
            return Err(SchemaError::new(format!("/registers{path}"), format!("is an object, and {} came", register.type_name())));
        };
        rules(register, &format!("/registers{path}"), draft.member(name))?;
    }
    let settings = Settings {
        consistency: choice(fields, "consistency", &CONSISTENCIES)?.unwrap_or_default(),
        anchor: choice(fields, "anchor", &ANCHORS)?,
        guards: guards(fields)?,
        pending: pending(fields)?,
        collapse: choice(fields, "collapse", &COLLAPSES)?.unwrap_or_default(),
        registers,
    };
    let trie = compile::compile(&draft, !settings.registers.is_empty())?;
    let schema = Schema { digest: digest(document), document: document.clone(), settings, trie };
    check_together(&schema)?;
    Ok(schema)
}

/// A peer sends schemas: nothing is walked before its size is known to be small.
fn check_size(document: &Value) -> Result<(), SchemaError> {
    let mut left = limits::SCHEMA_BYTES;
    let too_large =
        || SchemaError::new("", format!("is larger than {} bytes or deeper than {} levels", limits::SCHEMA_BYTES, limits::DEPTH));
    measure(document, 0, &mut left).ok_or_else(too_large)?;
    let mut encoded = Vec::new();
    wire::put_value(&mut encoded, document);
    if encoded.len() > limits::SCHEMA_BYTES { Err(too_large()) } else { Ok(()) }
}

/// Less than what the value takes encoded, found without encoding it.
fn measure(value: &Value, depth: usize, left: &mut usize) -> Option<()> {
    let own = match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Float(number) if !number.is_finite() => return None,
        _ => 0,
    };
    *left = left.checked_sub(own.checked_add(1)?)?;
    match value {
        Value::Array(_) | Value::Object(_) if depth == limits::DEPTH => None,
        Value::Array(items) => items.iter().try_for_each(|item| measure(item, depth + 1, left)),
        Value::Object(members) => members.iter().try_for_each(|(key, member)| {
            *left = left.checked_sub(key.len())?;
            measure(member, depth + 1, left)
        }),
        _ => Some(()),
    }
}

/// A value for a message: not all of what a peer may have sent.
fn brief(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().nth(BRIEF).is_some() => format!("{:?}...", text.chars().take(BRIEF).collect::<String>()),
        Value::Bytes(_) | Value::Array(_) | Value::Object(_) => format!("of type {}", value.type_name()),
        short => short.to_string(),
    }
}

const CONSISTENCIES: [(&str, Consistency); 3] =
    [("causal", Consistency::Causal), ("eventual", Consistency::Eventual), ("strong", Consistency::Strong)];
const ANCHORS: [(&str, Anchor); 2] = [("creator", Anchor::Creator), ("opener", Anchor::Opener)];
const COLLAPSES: [(&str, CollapseMode); 2] = [("lazy", CollapseMode::Lazy), ("eager", CollapseMode::Eager)];
const DELETES: [(&str, DeletePolicy); 3] =
    [("lww", DeletePolicy::Lww), ("update-wins", DeletePolicy::UpdateWins), ("delete-wins", DeletePolicy::DeleteWins)];

/// The field's value, one of a few names.
fn choice<T: Copy>(fields: &Object, field: &str, known: &[(&str, T)]) -> Result<Option<T>, SchemaError> {
    let Some(value) = fields.get(field) else {
        return Ok(None);
    };
    let found = known.iter().find(|(name, _)| value.as_str() == Some(name));
    found.map(|(_, choice)| Some(*choice)).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        SchemaError::new(format!("/{field}"), format!("is {}; known are {}", brief(value), names.join(", ")))
    })
}

fn guards(fields: &Object) -> Result<bool, SchemaError> {
    match fields.get("guards") {
        None => Ok(false),
        Some(Value::Bool(guards)) => Ok(*guards),
        Some(other) => Err(SchemaError::new("/guards", format!("is {}; known are true, false", brief(other)))),
    }
}

fn pending(fields: &Object) -> Result<usize, SchemaError> {
    match fields.get("pending") {
        None => Ok(PENDING),
        Some(Value::Int(pending)) if (1..=PENDING_MOST).contains(pending) => Ok(*pending as usize),
        Some(other) => Err(SchemaError::new("/pending", format!("is {}; it takes a number from 1 to {PENDING_MOST}", brief(other)))),
    }
}

/// The members of an object that may be missing.
fn members<'a>(fields: &'a Object, field: &str, within: &str) -> Result<impl Iterator<Item = (&'a Arc<str>, &'a Value)>, SchemaError> {
    let members = match fields.get(field) {
        None => None,
        Some(Value::Object(members)) => Some(members.iter()),
        Some(other) => {
            return Err(SchemaError::new(format!("{within}/{field}"), format!("is an object, and {} came", other.type_name())));
        }
    };
    Ok(members.into_iter().flatten())
}

fn registers(fields: &Object) -> Result<Vec<String>, SchemaError> {
    let mut names = Vec::new();
    for (name, _) in members(fields, "registers", "")? {
        if name.is_empty() || &**name == ANY_KEY || name.len() > limits::NAME_BYTES {
            let problem =
                format!("have the name {}; a name has 1 to {} bytes and is not \"*\"", brief(&Value::from(&**name)), limits::NAME_BYTES);
            return Err(SchemaError::new("/registers", problem));
        }
        names.push(name.to_string());
    }
    Ok(names)
}

/// With registers, a rule at the top level must lie within one.
fn check_registers(draft: &Draft, registers: &[String]) -> Result<(), SchemaError> {
    let stray = |key: &&str| registers.binary_search_by(|name| name.as_str().cmp(key)).is_err();
    match draft.keys().find(stray).filter(|_| !registers.is_empty()) {
        Some(key) => Err(SchemaError::new(
            "/rules",
            format!("begin with the key {}, which is no register ({})", brief(&key.into()), some_of(registers)),
        )),
        None => Ok(()),
    }
}

/// Takes the `rules` of the schema, or of a register, whose paths begin below its key.
fn rules(fields: &Object, within: &str, draft: &mut Draft) -> Result<(), SchemaError> {
    for (path, value) in members(fields, "rules", within)? {
        let mut field = format!("{within}/rules");
        pointer::push_key(&mut field, path);
        let mut place = &mut *draft;
        for key in pointer::keys(path).map_err(|error| no_path(&field, error))? {
            place = place.member(&key.map_err(|error| no_path(&field, error))?);
        }
        if let Some(other) = place.put(entry(value, &field)?, &field) {
            return Err(SchemaError::new(field, format!("is for the same path as {other:?}")));
        }
    }
    Ok(())
}

fn no_path(field: &str, error: pointer::PointerError) -> SchemaError {
    SchemaError::new(field, format!("is no path: {error}"))
}

fn entry(value: &Value, field: &str) -> Result<Entry, SchemaError> {
    let fields = match value {
        Value::String(name) => return Ok(inheriting(PathRule::new(rule(name, field)?))),
        Value::Object(fields) => fields,
        other => return Err(SchemaError::new(field, format!("is the name of a rule or an object, and {} came", other.type_name()))),
    };
    let mut path_rule = match fields.get("rule") {
        None => PathRule::FREE,
        Some(Value::String(name)) => PathRule::new(rule(name, field)?),
        Some(other) => return Err(SchemaError::new(field, format!("has a rule {}; known are {RULES}", brief(other)))),
    };
    if let Some(declared) = fields.get("type") {
        narrow(&mut path_rule, types(declared, field)?, field)?;
    }
    let delete = choice(fields, "delete", &DELETES).map_err(|error| SchemaError::new(format!("{field}{}", error.field), error.problem))?;
    match delete {
        Some(delete) => Ok(Entry { rule: PathRule { delete, ..path_rule }, deletes: true }),
        None => Ok(inheriting(path_rule)),
    }
}

/// An entry that names no policy for deletes.
fn inheriting(rule: PathRule) -> Entry {
    Entry { deletes: matches!(rule.rule, Rule::Set | Rule::Map), rule }
}

fn rule(name: &str, field: &str) -> Result<Rule, SchemaError> {
    let function = |name: &str| {
        let fits = (1..=FUNCTION_BYTES).contains(&name.len());
        fits.then(|| name.into())
            .ok_or_else(|| SchemaError::new(field, format!("names a function with other than 1 to {FUNCTION_BYTES} bytes")))
    };
    Ok(match name {
        "lww" => Rule::Lww,
        "counter" => Rule::Counter,
        "max" => Rule::Max,
        "min" => Rule::Min,
        "flag" => Rule::Flag,
        "set" => Rule::Set,
        "map" => Rule::Map,
        other => match other.split_once(':') {
            Some(("custom", name)) => Rule::Custom(function(name)?),
            Some(("transition", name)) => Rule::Transition(function(name)?),
            _ => return Err(SchemaError::new(field, format!("has the rule {}; known are {RULES}", brief(&name.into())))),
        },
    })
}

fn types(declared: &Value, field: &str) -> Result<Types, SchemaError> {
    let unknown = || {
        let known: Vec<&str> = Types::known().collect();
        SchemaError::new(format!("{field}/type"), format!("is {}; known are {}, or an array of them", brief(declared), known.join(", ")))
    };
    let one = |name: &Value| name.as_str().and_then(Types::named).ok_or_else(unknown);
    match declared {
        Value::Array(names) if !names.is_empty() => names.iter().try_fold(Types::NONE, |types, name| Ok(types.or(one(name)?))),
        name => one(name),
    }
}

/// Limits what a rule permits to what the entry declares. Of a set and a map that is what their members may be.
fn narrow(rule: &mut PathRule, declared: Types, field: &str) -> Result<(), SchemaError> {
    let permitted = rule.rule.permits();
    if declared != Types::ANY && !permitted.contain(declared) {
        let problem = format!("is {declared}, and rule {} works with {permitted}", rule.rule);
        return Err(SchemaError::new(format!("{field}/type"), problem));
    }
    match rule.rule {
        Rule::Set | Rule::Map => rule.members = declared.and(permitted),
        _ => rule.types = declared.and(permitted),
    }
    Ok(())
}

/// Fields that are right alone and wrong together.
fn check_together(schema: &Schema) -> Result<(), SchemaError> {
    if schema.anchor().is_some() && schema.consistency() != Consistency::Strong {
        return Err(SchemaError::new("/anchor", "is only for \"consistency\": \"strong\""));
    }
    if schema.is_ordered() && schema.consistency() == Consistency::Eventual {
        return Err(SchemaError::new(
            "/consistency",
            "is eventual, and guards and transitions take candidates in order; use causal or strong",
        ));
    }
    let custom = schema.functions().into_iter().find(|function| function.starts_with("custom:"));
    match custom.filter(|_| schema.is_ordered()) {
        Some(function) => {
            let problem = format!(
                "name {function}, which cannot be where candidates are taken in order (guards, strong, transitions); use a transition"
            );
            Err(SchemaError::new("/rules", problem))
        }
        None => Ok(()),
    }
}
