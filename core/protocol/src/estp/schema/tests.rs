//! Schemas: what they say, what they refuse, and the trie against a naive matcher.

use super::*;
use crate::error::Code;
use crate::estp::rule::{DeletePolicy, Types};
use proptest::prelude::*;

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::object(members)
}

fn rules<const N: usize>(entries: [(&str, Value); N]) -> Value {
    object([("rules", object(entries))])
}

fn parse(document: Value) -> Schema {
    Schema::parse(&document).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn refused(document: Value) -> String {
    let error = Schema::parse(&document).expect_err("it parsed");
    assert_eq!(error.code(), Code::Schema);
    error.to_string()
}

fn at(schema: &Schema, path: &str) -> At {
    pointer::keys(path).unwrap().fold(Schema::ROOT, |at, key| schema.step(at, &key.unwrap()))
}

fn rule<'s>(schema: &'s Schema, path: &str) -> &'s PathRule {
    schema.rule(at(schema, path))
}

fn typed(rule: &str, types: &str) -> Value {
    object([("rule", rule.into()), ("type", types.into())])
}

#[test]
fn the_empty_schema_says_nothing() {
    let schema = parse(Value::empty_object());
    assert!(schema.is_free() && !schema.is_ordered() && schema.registers().is_empty());
    assert_eq!((schema.consistency(), schema.anchor()), (Consistency::Causal, None));
    assert_eq!((schema.pending_limit(), schema.collapse_mode()), (1024, CollapseMode::Lazy));
    assert_eq!(*rule(&schema, "/a/b/c"), PathRule::FREE);
    assert_eq!(schema, Schema::default());
    assert_eq!(schema.digest(), Schema::default().digest());
}

#[test]
fn every_field_is_read() {
    let schema = parse(object([
        ("version", 1i64.into()),
        ("consistency", "strong".into()),
        ("anchor", "opener".into()),
        ("guards", true.into()),
        ("pending", 7i64.into()),
        ("collapse", "eager".into()),
        ("rules", object([("/stock/*/count", "counter".into()), ("/orders/*", "transition:order".into())])),
        ("registers", object([("stock", Value::empty_object()), ("orders", rules([("/log", typed("lww", "array"))]))])),
    ]));
    assert_eq!((schema.consistency(), schema.anchor()), (Consistency::Strong, Some(Anchor::Opener)));
    assert_eq!((schema.pending_limit(), schema.collapse_mode()), (7, CollapseMode::Eager));
    assert_eq!(schema.registers(), ["orders", "stock"]);
    assert_eq!(schema.functions(), ["transition:order"]);
    assert!(schema.is_ordered() && !schema.is_free());
    assert_eq!(rule(&schema, "/stock/bolts/count").rule, Rule::Counter);
    assert_eq!(rule(&schema, "/orders/17").rule, Rule::Transition("order".into()));
    assert_eq!(rule(&schema, "/orders/log").types, Types::ARRAY);
}

#[test]
fn what_orders_a_pair() {
    assert!(parse(object([("guards", true.into())])).is_ordered());
    assert!(parse(object([("consistency", "strong".into())])).is_ordered());
    assert!(parse(rules([("/a/*", "transition:t".into())])).is_ordered());
    assert!(!parse(rules([("/a/*", "custom:c".into()), ("/b", "counter".into())])).is_ordered());
}

#[test]
fn unknown_fields_stay_and_count() {
    let document = object([
        ("consistency", "causal".into()),
        ("colour", "blue".into()),
        ("rules", object([("/a", object([("rule", "max".into()), ("unit", object([("name", "K".into())]))]))])),
    ]);
    let schema = parse(document.clone());
    assert_eq!(*schema.to_value(), document);
    let without = parse(object([("consistency", "causal".into()), ("rules", document.get("rules").unwrap().clone())]));
    assert_ne!(schema.digest(), without.digest());
}

#[test]
fn when_to_collapse_is_not_agreed() {
    let digest = |collapse: &str| parse(object([("guards", true.into()), ("collapse", collapse.into())])).digest();
    assert_eq!(digest("lazy"), digest("eager"));
    assert_eq!(digest("lazy"), parse(object([("guards", true.into())])).digest());
    assert_ne!(digest("lazy"), Schema::default().digest());
}

#[test]
fn mistakes_are_told_with_what_is_known() {
    let field = |name: &str, value: Value| refused(object([(name, value)]));
    assert_eq!(field("consistency", "casual".into()), r#""/consistency" of the schema is "casual"; known are causal, eventual, strong"#);
    assert!(field("anchor", "me".into()).contains("creator, opener"));
    assert!(field("anchor", "creator".into()).contains("strong"));
    assert!(field("guards", "yes".into()).contains("true, false"));
    assert!(field("pending", 0i64.into()).contains("1 to 65536"));
    assert!(field("collapse", "never".into()).contains("lazy, eager"));
    assert!(field("version", 2i64.into()).contains("known is 1"));
    assert!(field("rules", Value::Null).contains("is an object"));
    assert!(field("registers", object([("*", Value::empty_object())])).contains("not \"*\""));
    assert!(field("registers", object([("a", 1i64.into())])).contains("is an object"));
    assert_eq!(refused(1i64.into()), "the schema is an object, and int64 came");
}

#[test]
fn mistakes_in_rules_name_the_path_and_what_is_known() {
    let entry = |path: &str, value: Value| refused(rules([(path, value)]));
    assert!(entry("/hits", "countr".into()).starts_with(r#""/rules/~1hits" of the schema has the rule "countr"; known are lww, counter"#));
    assert!(entry("/hits", object([("rule", 1i64.into())])).contains("known are lww, counter"));
    assert!(entry("/hits", typed("counter", "string")).contains("is string, and rule counter works with int"));
    assert!(entry("/hits", object([("type", "integer".into())])).contains("known are null, bool, int"));
    assert!(entry("/hits", object([("type", Vec::<Value>::new().into())])).contains("known are null, bool, int"));
    assert!(entry("/hits", object([("delete", "never".into())])).contains("lww, update-wins, delete-wins"));
    assert!(entry("hits", "lww".into()).contains("is no path"));
    assert!(entry("/a", 1i64.into()).contains("name of a rule or an object"));
    assert!(entry("/a", "custom:".into()).contains("1 to 128 bytes"));
    assert!(entry("", "counter".into()).contains("the whole state"));
    let both = |a: (&str, &str), b: (&str, &str)| refused(rules([(a.0, a.1.into()), (b.0, b.1.into())]));
    assert!(both(("/a", "counter"), ("/a/b", "lww")).contains("which has no members"));
    assert!(both(("/a", "set"), ("/a/*", "lww")).contains("which has no members"));
    assert!(both(("/a", "custom:f"), ("/b", "transition:g")).contains("use a transition"));
    let registers = object([("a", rules([("", "counter".into())]))]);
    assert!(refused(object([("registers", registers.clone()), ("rules", object([("/b", "lww".into())]))])).contains("no register (a)"));
    assert!(refused(object([("registers", registers.clone()), ("rules", object([("/*", "lww".into())]))])).contains("no register (a)"));
    assert!(refused(object([("registers", registers), ("rules", object([("/a", "max".into())]))])).contains("same path"));
    let eventual = |guards| object([("consistency", "eventual".into()), ("guards", Value::from(guards))]);
    assert!(refused(eventual(true)).contains("causal or strong"));
    parse(eventual(false));
}

#[test]
fn a_schema_is_bounded() {
    let rules = |count: usize| object([("rules", Value::object((0..count).map(|n| (format!("/key{n}"), "counter"))))]);
    parse(rules(1000));
    assert!(refused(rules(10_000)).contains("is larger"));
    assert!(refused(object([("note", "x".repeat(limits::SCHEMA_BYTES).into())])).contains("is larger"));
    let deep = (0..1000).fold(Value::Null, |inner, _| Value::from(vec![inner]));
    assert!(refused(object([("note", deep)])).contains("deeper"));
    assert!(refused(object([("consistency", "x".repeat(10_000).into())])).len() < 300, "a message does not repeat all that came");
    assert!(refused(object([("note", f64::NAN.into())])).contains("is larger"));
    assert!(refused(object([("rules", object([(&*"x".repeat(10_000), "lww".into())]))])).len() < 300);
    let deepest = "/k".repeat(limits::DEPTH);
    let schema = parse(object([("rules", object([(&*deepest, "counter".into())]))]));
    assert_eq!(rule(&schema, &deepest).rule, Rule::Counter);
}

#[test]
fn a_name_wins_over_any_without_a_way_back() {
    let schema = parse(rules([("/*/n", "counter".into()), ("/a/m", "max".into()), ("/a/*/x", "min".into())]));
    assert_eq!(rule(&schema, "/z/n").rule, Rule::Counter);
    assert_eq!(rule(&schema, "/a/m").rule, Rule::Max);
    assert_eq!(rule(&schema, "/a/n").rule, Rule::Lww);
    assert_eq!(rule(&schema, "/a/n/x").rule, Rule::Min);
    assert_eq!(rule(&schema, "/a/m/x"), &PathRule::CLOSED);
    let literal = parse(rules([("/~1a~0*", "counter".into())]));
    assert_eq!(rule(&literal, "/~1a~0*").rule, Rule::Counter);
}

#[test]
fn the_policy_for_deletes_is_inherited_and_the_rest_is_not() {
    let schema = parse(rules([
        ("/a", object([("delete", "delete-wins".into())])),
        ("/a/n", "counter".into()),
        ("/a/m", "map".into()),
        ("/a/s", object([("rule", "set".into()), ("delete", "lww".into())])),
    ]));
    assert_eq!((&rule(&schema, "/a/x/y").rule, rule(&schema, "/a/x/y").delete), (&Rule::Lww, DeletePolicy::DeleteWins));
    assert_eq!((&rule(&schema, "/a/n").rule, rule(&schema, "/a/n").delete), (&Rule::Counter, DeletePolicy::DeleteWins));
    assert_eq!(rule(&schema, "/a/m/x").delete, DeletePolicy::UpdateWins, "a map says its own");
    assert_eq!((&rule(&schema, "/a/s/sx").rule, rule(&schema, "/a/s/sx").delete), (&Rule::Member, DeletePolicy::Lww));
    assert_eq!(rule(&schema, "/b").delete, DeletePolicy::Lww);
}

#[test]
fn values_are_checked_each_at_its_place() {
    let schema = parse(rules([
        ("/hits", "counter".into()),
        ("/tags", typed("set", "string")),
        ("/ages", typed("map", "uint")),
        ("/title", object([("type", vec![Value::from("string"), Value::Null.type_name().into()].into())])),
        ("/best", "custom:best".into()),
    ]));
    let refusal = |path: &str, value: Value| schema.check_value(at(&schema, path), &value).err().map(|error| error.below(path).to_string());
    let refusal = |path: &str, value: Value| refusal(path, value).unwrap_or_default();
    assert_eq!(refusal("/hits", "many".into()), r#""/hits" takes int (rule counter), and a value of type string came"#);
    assert_eq!(refusal("/title", 1i64.into()), r#""/title" takes string or null, and a value of type int64 came"#);
    assert_eq!(
        refusal("", object([("title", object([("a", 1i64.into())]))])),
        r#""/title" takes string or null, and a value of type object came"#
    );
    assert_eq!(
        refusal("/ages", object([("Ada", 36i64.into()), ("Bo/b", (-1i64).into())])),
        r#""/ages/Bo~1b" takes uint, and a value of type int64 came"#
    );
    assert_eq!(
        refusal("/tags", vec![Value::from("a"), 1i64.into()].into()),
        r#""/tags" takes string as element of the set, and a value of type int64 came"#
    );
    assert!(refusal("/tags", "a".into()).contains("takes array (rule set)"));
    assert!(refusal("/hits/x", 1i64.into()).contains("nothing, since a single value lies above"));
    assert!(refusal("/best", object([("a", 1i64.into())])).contains("of type object came"));
    for (path, value) in [
        ("/hits", Value::from(3i64)),
        ("/tags", vec![Value::from("a")].into()),
        ("/title", Value::Null),
        ("/ages", Value::empty_object()),
        ("/other/x", object([("y", 1.5.into())])),
        ("", object([("hits", 1i64.into()), ("free", "x".into())])),
    ] {
        assert_eq!(refusal(path, value), "");
    }
}

#[test]
fn outside_the_registers_there_is_nothing() {
    let schema = parse(object([("registers", object([("a", Value::empty_object()), ("b", Value::empty_object())]))]));
    assert!(!schema.is_free());
    let check = |path: &str, value: Value| schema.check_value(at(&schema, path), &value);
    assert_eq!(check("/a/x", 1i64.into()), Ok(()));
    assert_eq!(check("", object([("b", 1i64.into())])), Ok(()));
    let error = check("/c/x", 1i64.into()).unwrap_err();
    assert_eq!(error.expected, "a register as first key (a, b)");
    assert_eq!(check("", object([("c", 1i64.into())])).unwrap_err().path, "/c");
}

/// What a random entry says.
type Said = (Option<&'static str>, Option<&'static str>, Option<&'static str>);

fn entry((rule, types, delete): &Said) -> Value {
    let fields = [("rule", rule), ("type", types), ("delete", delete)];
    Value::object(fields.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))))
}

fn entries() -> impl Strategy<Value = Vec<(Vec<&'static str>, Said)>> {
    let key = prop::sample::select(vec!["a", "b", "*", "~1"]);
    let rule = prop::option::of(prop::sample::select(vec!["lww", "map", "set", "counter"]));
    let types = prop::option::weighted(0.3, prop::sample::select(vec!["int", "object", "any"]));
    let delete = prop::option::of(prop::sample::select(vec!["lww", "update-wins", "delete-wins"]));
    prop::collection::vec((prop::collection::vec(key, 1..4), (rule, types, delete)), 0..8)
}

/// Follows a path through the list of entries, with no structure at all. `None` if an entry lies where nothing can be.
fn naive(entries: &[(Vec<&'static str>, Said)], path: &[&str]) -> (&'static str, &'static str, bool) {
    let (mut chosen, mut lost): (Vec<&str>, bool) = (Vec::new(), false);
    // Rule, policy for deletes, and whether a value may be there.
    let mut now = ("lww", "lww", true);
    let mut below = ("lww", true);
    for key in path {
        let named = |wanted: &str| {
            entries.iter().any(|(keys, _)| keys.len() > chosen.len() && keys.starts_with(&chosen) && keys[chosen.len()] == wanted)
        };
        match [*key, "*"].into_iter().find(|key| !lost && named(key)) {
            Some(key) => chosen.push(key),
            None => lost = true,
        }
        let said = entries.iter().find(|(keys, _)| !lost && *keys == chosen).map(|(_, said)| said);
        now = match said {
            None => (below.0, now.1, below.1),
            Some((rule, _, delete)) => {
                let rule = rule.unwrap_or("lww");
                let own = if matches!(rule, "set" | "map") { "update-wins" } else { now.1 };
                (rule, delete.unwrap_or(own), true)
            }
        };
        let types = said.and_then(|(_, types, _)| *types);
        below = match (now.0, types) {
            _ if !now.2 => ("lww", false),
            ("lww", Some("int")) | ("counter" | "element", _) => ("lww", false),
            ("set", _) => ("element", true),
            _ => ("lww", true),
        };
        // A map of integers: its members have no members, unless an entry for them says other than that.
        if now.0 == "map" && types == Some("int") {
            below = ("int member", true);
        } else if now.0 == "int member" {
            now.0 = "lww";
            below = ("lww", false);
        }
    }
    if now.0 == "int member" {
        now.0 = "lww";
    }
    (now.0, if now.2 { now.1 } else { "lww" }, now.2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_trie_says_what_a_naive_matcher_says(
        entries in entries(),
        path in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "*", "/"]), 0..5),
    ) {
        let pointer = |keys: &[&str]| keys.iter().map(|key| format!("/{key}")).collect::<String>();
        let document = object([("rules", Value::object(entries.iter().map(|(keys, said)| (pointer(keys), entry(said)))))]);
        // Of entries for the same path the last one is in the document; the naive matcher takes the first it finds.
        let entries: Vec<_> = entries.into_iter().rev().map(|(keys, said)| {
            (keys.into_iter().map(|key| if key == "~1" { "/" } else { key }).collect::<Vec<_>>(), said)
        }).collect();
        if let Ok(schema) = Schema::parse(&document) {
            let found = schema.rule(path.iter().fold(Schema::ROOT, |at, key| schema.step(at, key)));
            let rule = if found.rule == Rule::Member { "element".to_owned() } else { found.rule.to_string() };
            let delete = match found.delete {
                DeletePolicy::Lww => "lww",
                DeletePolicy::UpdateWins => "update-wins",
                DeletePolicy::DeleteWins => "delete-wins",
            };
            let (expected_rule, expected_delete, expected_open) = naive(&entries, &path);
            prop_assert_eq!((rule.as_str(), delete, found.types != Types::NONE), (expected_rule, expected_delete, expected_open));
            prop_assert_eq!(schema.to_value(), &document);
            prop_assert_eq!(Schema::parse(schema.to_value()).unwrap().digest(), schema.digest());
        }
    }

    #[test]
    fn any_document_is_parsed_or_refused(document in any_document()) {
        let _ = Schema::parse(&document);
    }
}

/// Documents near enough to schemas to get far.
fn any_document() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "rules",
        "registers",
        "type",
        "delete",
        "rule",
        "/a",
        "/a/*",
        "",
        "strong",
        "counter",
        "set",
        "a",
        "object",
    ]);
    let leaf = prop_oneof![word.clone().prop_map(Value::from), any::<i64>().prop_map(Value::from), Just(Value::Null)];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            3 => prop::collection::btree_map(word.clone().prop_map(std::sync::Arc::from), inner.clone(), 0..4).prop_map(Value::from),
            1 => prop::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}
