use super::*;
use crate::testing::any_value;
use proptest::prelude::*;

fn read(text: &str) -> Value {
    from_str(text).unwrap()
}

fn refused(text: &str) -> (Code, String) {
    let error = from_str(text).unwrap_err();
    (error.code(), error.detail().to_owned())
}

#[test]
fn every_type_reads_and_writes() {
    for (text, value) in [
        ("null", Value::Null),
        ("true", Value::from(true)),
        ("-1", Value::from(-1i64)),
        ("1.0", Value::from(1.0)),
        ("-0.0", Value::from(-0.0)),
        ("\"a\\\"\\n\\u0000ü𐅑\"", Value::from("a\"\n\0ü𐅑")),
        ("{\"$bytes\":\"AQL/\"}", Value::from(vec![1u8, 2, 255])),
        ("{\"$bytes\":\"\"}", Value::from(Vec::<u8>::new())),
        ("[]", Value::from(Vec::<Value>::new())),
        ("[1,[null]]", Value::from(vec![Value::from(1i64), Value::from(vec![Value::Null])])),
        ("{}", Value::empty_object()),
        ("{\"a\":1,\"b\":{\"c\":2}}", Value::object([("b", Value::object([("c", 2i64)])), ("a", Value::from(1i64))])),
    ] {
        assert_eq!(read(text), value);
        assert_eq!(to_string(&value), text);
    }
    assert_eq!(read(" [ 1 , 2 ]\n"), read("[1,2]"));
}

#[test]
fn integers_keep_64_bits() {
    for text in ["9223372036854775807", "9223372036854775808", "18446744073709551615", "-9223372036854775808"] {
        assert_eq!(to_string(&read(text)), text);
    }
}

#[test]
fn integers_beyond_64_bits_are_refused_and_not_rounded() {
    for integer in ["18446744073709551616", "-9223372036854775809", "100000000000000000000000000"] {
        for text in [integer.to_owned(), format!("{{\"a\\\\\\\"\":[1e300,\"\\\\\",{integer}]}}")] {
            let (code, detail) = refused(&text);
            assert_eq!(code, Code::Invalid);
            assert!(detail.contains(integer), "{detail}");
        }
    }
    assert_eq!(read("[1e20, \"18446744073709551616\"]"), Value::from(vec![Value::from(1e20), Value::from("18446744073709551616")]));
}

#[test]
fn floats_stay_floats_and_are_written_with_a_point_or_an_exponent() {
    for number in [0.0, 1.0, -3.0, 1e15, 1e16, 1e21, 123_456_789_012_345_680.0, 5e-324, f64::MAX, 0.1, 1e-7] {
        let text = to_string(&Value::from(number));
        assert!(text.contains(['.', 'e']), "{text}");
        assert_eq!(read(&text), Value::from(number));
    }
    assert_eq!(read("1e0"), Value::from(1.0));
}

#[test]
fn a_float_that_no_64_bits_hold_is_refused() {
    for text in ["1e400", "-1e400", "NaN", "Infinity", "-Infinity"] {
        assert_eq!(refused(text).0, Code::Invalid);
    }
}

#[test]
fn of_equal_keys_the_last_one_counts() {
    assert_eq!(read("{\"a\":1,\"a\":2}"), read("{\"a\":2}"));
}

#[test]
fn an_object_that_looks_like_bytes_is_escaped() {
    let lookalike = Value::object([("$bytes", "AQID")]);
    assert_eq!(to_string(&lookalike), "{\"$$bytes\":\"AQID\"}");
    assert_eq!(read("{\"$$bytes\":\"AQID\"}"), lookalike);
    assert_eq!(read("{\"$$$bytes\":1}"), Value::object([("$$bytes", 1i64)]));
    let two = "{\"$bytes\":\"AQID\",\"a\":1}";
    assert_eq!(to_string(&read(two)), two);
}

#[test]
fn what_is_no_value_is_refused_with_the_place() {
    for text in ["", "{", "[1,]", "{\"a\"}", "{1:2}", "01", "\"\\ud800\"", "nul", "1 2", "'a'", "\u{feff}1", "\"\n\""] {
        let (code, detail) = refused(text);
        assert_eq!(code, Code::Invalid, "{text}");
        assert!(detail.contains("line"), "{text}: {detail}");
    }
    for text in ["{\"$bytes\":1}", "{\"$bytes\":\"AQ\"}", "{\"$bytes\":\"AQI_\"}"] {
        let (code, detail) = refused(text);
        assert_eq!(code, Code::Invalid);
        assert!(detail.contains("base64") && detail.contains("line"), "{detail}");
    }
}

#[test]
fn nesting_is_read_up_to_the_limit_and_refused_beyond() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        assert!(from_str(&nested(limits::DEPTH)).is_ok());
        let (code, detail) = refused(&nested(limits::DEPTH + 1));
        assert_eq!(code, Code::TooLarge);
        assert!(detail.contains("line"), "{detail}");
        assert_eq!(refused(&open.repeat(1_000_000)).0, Code::TooLarge);
    }
}

proptest! {
    #[test]
    fn a_value_comes_back_as_it_was(value in any_value()) {
        let text = to_string(&value);
        prop_assert_eq!(from_str(&text), Ok(value), "{}", text);
    }

    #[test]
    fn another_reader_agrees_that_it_is_json(value in any_value()) {
        prop_assert!(serde_json::from_str::<serde_json::Value>(&to_string(&value)).is_ok());
    }

    #[test]
    fn any_text_gives_a_value_or_an_error(text in "[\\[\\]{}\":,0-9eE.+\\-a\\\\$ ]{0,40}") {
        if let Ok(value) = from_str(&text) {
            prop_assert_eq!(from_str(&to_string(&value)), Ok(value));
        }
    }
}
