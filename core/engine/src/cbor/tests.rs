//! The vectors are those of RFC 8949, appendix A, of the types that the state knows.

use super::*;
use crate::testing::any_value;
use data_encoding::HEXLOWER;
use proptest::prelude::*;

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

fn list(items: impl IntoIterator<Item = i64>) -> Value {
    Value::from(items.into_iter().map(Value::from).collect::<Vec<_>>())
}

fn nested() -> Value {
    Value::from(vec![Value::from(1i64), list([2, 3]), list([4, 5])])
}

fn letters() -> Value {
    Value::object(["a", "b", "c", "d", "e"].map(|key| (key, key.to_uppercase())))
}

/// Deterministic encodings: each is read, and written again as the same bytes.
fn deterministic() -> Vec<(&'static str, Value)> {
    vec![
        ("00", Value::from(0i64)),
        ("01", Value::from(1i64)),
        ("0a", Value::from(10i64)),
        ("17", Value::from(23i64)),
        ("1818", Value::from(24i64)),
        ("1819", Value::from(25i64)),
        ("1864", Value::from(100i64)),
        ("1903e8", Value::from(1000i64)),
        ("1a000f4240", Value::from(1_000_000i64)),
        ("1b000000e8d4a51000", Value::from(1_000_000_000_000i64)),
        ("1bffffffffffffffff", Value::Uint(18_446_744_073_709_551_615)),
        ("20", Value::from(-1i64)),
        ("29", Value::from(-10i64)),
        ("3863", Value::from(-100i64)),
        ("3903e7", Value::from(-1000i64)),
        ("f90000", Value::from(0.0)),
        ("f98000", Value::from(-0.0)),
        ("f93c00", Value::from(1.0)),
        ("fb3ff199999999999a", Value::from(1.1)),
        ("f93e00", Value::from(1.5)),
        ("f97bff", Value::from(65504.0)),
        ("fa47c35000", Value::from(100_000.0)),
        ("fa7f7fffff", Value::from(3.402_823_466_385_288_6e38)),
        ("fb7e37e43c8800759c", Value::from(1.0e300)),
        ("f90001", Value::from(5.960_464_477_539_063e-8)),
        ("f90400", Value::from(0.000_061_035_156_25)),
        ("f9c400", Value::from(-4.0)),
        ("fbc010666666666666", Value::from(-4.1)),
        ("f4", Value::from(false)),
        ("f5", Value::from(true)),
        ("f6", Value::Null),
        ("40", Value::from(Vec::<u8>::new())),
        ("4401020304", Value::from(vec![1u8, 2, 3, 4])),
        ("60", Value::from("")),
        ("6161", Value::from("a")),
        ("6449455446", Value::from("IETF")),
        ("62225c", Value::from("\"\\")),
        ("62c3bc", Value::from("\u{fc}")),
        ("63e6b0b4", Value::from("\u{6c34}")),
        ("64f0908591", Value::from("\u{10151}")),
        ("80", Value::from(Vec::<Value>::new())),
        ("83010203", list([1, 2, 3])),
        ("8301820203820405", nested()),
        ("98190102030405060708090a0b0c0d0e0f101112131415161718181819", list(1..=25)),
        ("a0", Value::empty_object()),
        ("a26161016162820203", Value::object([("a", Value::from(1i64)), ("b", list([2, 3]))])),
        ("826161a161626163", Value::from(vec![Value::from("a"), Value::object([("b", "c")])])),
        ("a56161614161626142616361436164614461656145", letters()),
    ]
}

#[test]
fn the_deterministic_examples_of_rfc_8949_read_and_write() {
    for (hex, value) in deterministic() {
        assert_eq!(from_slice(&bytes(hex)), Ok(value.clone()), "{hex}");
        assert_eq!(HEXLOWER.encode(&to_vec(&value)), hex, "{value}");
    }
}

#[test]
fn the_examples_of_indefinite_length_read() {
    let amt = Value::object([("Fun", Value::from(true)), ("Amt", Value::from(-2i64))]);
    for (hex, value) in [
        ("5f42010243030405ff", Value::from(vec![1u8, 2, 3, 4, 5])),
        ("7f657374726561646d696e67ff", Value::from("streaming")),
        ("9fff", Value::from(Vec::<Value>::new())),
        ("9f018202039f0405ffff", nested()),
        ("9f01820203820405ff", nested()),
        ("83018202039f0405ff", nested()),
        ("83019f0203ff820405", nested()),
        ("9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff", list(1..=25)),
        ("bf61610161629f0203ffff", Value::object([("a", Value::from(1i64)), ("b", list([2, 3]))])),
        ("826161bf61626163ff", Value::from(vec![Value::from("a"), Value::object([("b", "c")])])),
        ("bf6346756ef563416d7421ff", amt),
    ] {
        assert_eq!(from_slice(&bytes(hex)), Ok(value), "{hex}");
    }
}

#[test]
fn longer_forms_than_needed_read() {
    for (hex, value) in [
        ("1800", Value::from(0i64)),
        ("fa3f800000", Value::from(1.0)),
        ("fb3ff0000000000000", Value::from(1.0)),
        ("790000", Value::from("")),
    ] {
        assert_eq!(from_slice(&bytes(hex)), Ok(value), "{hex}");
    }
}

#[test]
fn what_the_state_does_not_know_is_refused_with_the_reason() {
    for (hex, code, word) in [
        ("3bffffffffffffffff", Code::Invalid, "-2^63"),
        ("3b8000000000000000", Code::Invalid, "-2^63"),
        ("c249010000000000000000", Code::Invalid, "tag"),
        ("c11a514b67b0", Code::Invalid, "tag"),
        ("d818456449455446", Code::Invalid, "tag"),
        ("f7", Code::Invalid, "undefined"),
        ("f0", Code::Invalid, "simple"),
        ("f8ff", Code::Invalid, "simple"),
        ("a201020304", Code::Invalid, "key"),
        ("a2616101616102", Code::Invalid, "second"),
        ("bf616101616102ff", Code::Invalid, "second"),
        ("ff", Code::Invalid, "break"),
        ("1c", Code::Invalid, "CBOR at byte 0"),
        ("", Code::Invalid, "end"),
        ("19", Code::Invalid, "end"),
        ("f93c", Code::Invalid, "end"),
        ("820", Code::Invalid, "end"),
        ("9f01", Code::Invalid, "end"),
        ("bf6161", Code::Invalid, "end"),
        ("5f4101", Code::Invalid, "end"),
        ("0000", Code::Invalid, "go on"),
        ("9bffffffffffffffff", Code::Invalid, "end"),
        ("bbffffffffffffffff", Code::Invalid, "end"),
        ("5bffffffffffffffff", Code::Invalid, "CBOR"),
        ("61ff", Code::Utf8, "UTF-8"),
        ("7f61c3ff", Code::Utf8, "UTF-8"),
        ("a161ff00", Code::Utf8, "UTF-8"),
        ("f97c00", Code::Nan, "inf"),
        ("f97e00", Code::Nan, "NaN"),
        ("fa7f800000", Code::Nan, "inf"),
        ("fb7ff8000000000000", Code::Nan, "NaN"),
        ("fbfff0000000000000", Code::Nan, "-inf"),
    ] {
        let input = if hex.len() % 2 == 0 { bytes(hex) } else { bytes(&hex[..hex.len() - 1]) };
        let error = from_slice(&input).unwrap_err();
        assert_eq!(error.code(), code, "{hex}: {error}");
        assert!(error.detail().contains(word), "{hex}: {error}");
    }
}

#[test]
fn the_lowest_and_highest_integers_keep_their_64_bits() {
    for value in [Value::Int(i64::MIN), Value::Int(i64::MAX), Value::from(1u64 << 63), Value::Uint(u64::MAX)] {
        assert_eq!(from_slice(&to_vec(&value)), Ok(value));
    }
}

#[test]
fn nesting_is_read_up_to_the_limit_and_refused_beyond() {
    for open in ["81", "9f", "a16161", "bf6161"] {
        let mut deep = bytes(&open.repeat(limits::DEPTH));
        deep.push(0xf6);
        deep.extend(vec![0xff; if matches!(open, "9f" | "bf6161") { limits::DEPTH } else { 0 }]);
        assert!(from_slice(&deep).is_ok(), "{open}");
        assert_eq!(from_slice(&bytes(&open.repeat(1_000_000))).unwrap_err().code(), Code::TooLarge, "{open}");
        assert_eq!(from_slice(&bytes(&open.repeat(limits::DEPTH + 2))).unwrap_err().code(), Code::TooLarge, "{open}");
    }
}

#[test]
fn members_are_sorted_by_their_encoded_keys() {
    let value = Value::object([("b", 0i64), ("aa", 0i64), ("a", 0i64), ("", 0i64)]);
    assert_eq!(HEXLOWER.encode(&to_vec(&value)), "a4600061610061620062616100");
}

#[test]
fn every_half_precision_float_takes_three_bytes_and_comes_back() {
    for half in (0..=u16::MAX).filter(|half| half >> 10 & 0x1f != 31) {
        let [high, low] = half.to_be_bytes();
        let encoded = [0xf9, high, low];
        assert_eq!(to_vec(&from_slice(&encoded).unwrap()), encoded);
    }
}

#[test]
fn floats_beside_a_half_precision_float_are_not_rounded_to_it() {
    for half in (1..0x7c00u16).step_by(7) {
        let beside = f32::from_bits(from_half(half).to_bits() + 1);
        assert_eq!(to_half(beside), None, "{beside}");
    }
    for number in [65_504.1f32, 65_520.0, 65_536.0, 1e-8, 2.9e-8, f32::MAX, f32::MIN_POSITIVE] {
        assert_eq!(to_half(number), None, "{number}");
    }
}

proptest! {
    #[test]
    fn a_value_comes_back_as_it_was(value in any_value()) {
        prop_assert_eq!(from_slice(&to_vec(&value)), Ok(value));
    }

    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(value) = from_slice(&bytes) {
            let again = to_vec(&value);
            prop_assert!(again.len() <= bytes.len());
            prop_assert_eq!(from_slice(&again), Ok(value));
        }
    }

    #[test]
    fn floats_take_the_shortest_form_that_keeps_them(number in any::<f32>().prop_filter("finite", |number| number.is_finite())) {
        let length = to_vec(&Value::from(f64::from(number))).len();
        prop_assert!(length == 5 || (length == 3 && to_half(number).is_some()));
    }
}
