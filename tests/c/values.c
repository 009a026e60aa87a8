/* Values of each kind, as scalars, JSON and CBOR; operations; candidates. */
#include "check.h"

#include <math.h>

static spook_engine *engine;
static spook_pair *pair;

static spook_value round_trip(spook_value value, spook_buf *content) {
  spook_value read = spook_null();
  OK(spook_write_state, pair, SPOOK_LITERAL("/v"), &value, NULL);
  OK(spook_read_state, pair, SPOOK_LITERAL("/v"), &read, content);
  return read;
}

static void numbers_keep_64_bits(void) {
  static const int64_t numbers[] = {0, 1, -1, INT64_MIN, INT64_MAX, 9007199254740993};
  spook_buf content = spook_buf_init();
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    spook_value read = round_trip(spook_int64(numbers[i]), &content);
    EQUAL(SPOOK_INT64, read.kind);
    EQUAL(numbers[i], read.as.int64);
  }
  spook_value read = round_trip(spook_uint64(UINT64_MAX), &content);
  EQUAL(SPOOK_UINT64, read.kind);
  CHECK(read.as.uint64 == UINT64_MAX);
  CHECK(content.data == NULL);
}

static void equal_integers_are_equal_values(void) {
  spook_buf content = spook_buf_init();
  spook_value read = round_trip(spook_uint64(7), &content);
  EQUAL(SPOOK_INT64, read.kind);
  EQUAL(7, read.as.int64);
}

static void floats_bools_and_null(void) {
  spook_buf content = spook_buf_init();
  spook_value read = round_trip(spook_float64(-0.5), &content);
  EQUAL(SPOOK_FLOAT64, read.kind);
  CHECK(read.as.float64 == -0.5);
  read = round_trip(spook_bool(true), &content);
  EQUAL(SPOOK_BOOL, read.kind);
  EQUAL(1, read.as.boolean);
  spook_value odd = spook_bool(false);
  odd.as.boolean = 255;
  EQUAL(1, round_trip(odd, &content).as.boolean);
  EQUAL(0, round_trip(spook_bool(false), &content).as.boolean);
  EQUAL(SPOOK_NULL, round_trip(spook_null(), &content).kind);
}

static void what_is_not_finite_is_refused(void) {
  write_int(pair, "/v", 5);
  double numbers[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  for (int i = 0; i < 3; i++) {
    spook_value value = spook_float64(numbers[i]);
    FAILS(SPOOK_E_NAN, spook_write_state, pair, SPOOK_LITERAL("/v"), &value, NULL);
  }
  EQUAL(5, read_int(pair, "/v"));
}

static void text_and_bytes_of_any_length(void) {
  spook_buf content = spook_buf_init();
  static const char text[] = "a\0\xf0\x9f\x98\x80";
  spook_value read = round_trip(spook_string(text, sizeof text - 1), &content);
  EQUAL(SPOOK_STRING, read.kind);
  CHECK(read.as.text.data == (const char *)content.data && read.as.text.len == content.len);
  CHECK(buf_is(&content, text, sizeof text - 1));
  CHECK(content.data[content.len] == 0);
  spook_buf_free(&content);
  read = round_trip(spook_bytes_value("\xff\x00", 2), &content);
  EQUAL(SPOOK_BYTES, read.kind);
  CHECK(read.as.bytes.data == content.data && buf_is(&content, "\xff\x00", 2));
  spook_buf_free(&content);
  read = round_trip(spook_string(NULL, 0), &content);
  CHECK(read.kind == SPOOK_STRING && content.len == 0);
  spook_buf_free(&content);
  size_t large = 1 << 20;
  uint8_t *bytes = (uint8_t *)malloc(large);
  for (size_t i = 0; i < large; i++) bytes[i] = (uint8_t)(i * 31);
  round_trip(spook_bytes_value(bytes, large), &content);
  CHECK(buf_is(&content, bytes, large));
  spook_buf_free(&content);
  free(bytes);
}

static void text_must_be_utf8(void) {
  spook_value value = spook_string("\xff", 1);
  FAILS(SPOOK_E_UTF8, spook_write_state, pair, SPOOK_LITERAL("/v"), &value, NULL);
  FAILS(SPOOK_E_UTF8, spook_write_state, pair, "/\xff", 2, &value, NULL);
}

static void trees_as_json(void) {
  static const char json[] = "{\"a\":[1,-2.5,null,true],\"b\":{\"c\":18446744073709551615},\"d\":\"x\\u0000\"}";
  OK(spook_write_state_json, pair, SPOOK_LITERAL("/tree"), SPOOK_LITERAL(json), NULL);
  spook_buf out = spook_buf_init();
  OK(spook_read_state_json, pair, SPOOK_LITERAL("/tree"), &out);
  CHECK(buf_is(&out, json, sizeof json - 1));
  CHECK(out.data[out.len] == 0);
  spook_buf_free(&out);
  OK(spook_read_state_json, pair, SPOOK_LITERAL("/tree/b/c"), &out);
  CHECK(buf_is(&out, "18446744073709551615", 20));
  spook_buf_free(&out);
  OK(spook_write_state_json, pair, SPOOK_LITERAL("/bytes"), SPOOK_LITERAL("{\"$bytes\":\"AP8=\"}"), NULL);
  spook_value value = spook_null();
  OK(spook_read_state, pair, SPOOK_LITERAL("/bytes"), &value, &out);
  CHECK(value.kind == SPOOK_BYTES && buf_is(&out, "\x00\xff", 2));
  spook_buf_free(&out);
  FAILS(SPOOK_E_INVALID, spook_write_state_json, pair, SPOOK_LITERAL("/tree"), SPOOK_LITERAL("{\"a\":"), NULL);
}

static void trees_as_cbor(void) {
  /* {"a": [1, h'00'], "b": 1.5}, and the same with the keys the other way round. */
  static const uint8_t cbor[] = {0xa2, 0x61, 'a', 0x82, 1, 0x41, 0, 0x61, 'b', 0xf9, 0x3e, 0x00};
  static const uint8_t turned[] = {0xa2, 0x61, 'b', 0xf9, 0x3e, 0x00, 0x61, 'a', 0x82, 1, 0x41, 0};
  OK(spook_write_state_cbor, pair, SPOOK_LITERAL("/cbor"), turned, sizeof turned, NULL);
  spook_buf out = spook_buf_init();
  OK(spook_read_state_cbor, pair, SPOOK_LITERAL("/cbor"), &out);
  CHECK(buf_is(&out, cbor, sizeof cbor));
  spook_buf_free(&out);
  FAILS(SPOOK_E_INVALID, spook_write_state_cbor, pair, SPOOK_LITERAL("/cbor"), cbor, sizeof cbor - 1, NULL);
  spook_value value = spook_cbor(cbor, sizeof cbor);
  OK(spook_write_state, pair, SPOOK_LITERAL("/again"), &value, NULL);
  OK(spook_read_state_json, pair, SPOOK_LITERAL("/again/b"), &out);
  CHECK(buf_is(&out, "1.5", 3));
  spook_buf_free(&out);
}

static void trees_are_no_scalars(void) {
  spook_value value = spook_null();
  spook_buf content = spook_buf_init();
  OK(spook_write_state_json, pair, SPOOK_LITERAL("/t"), SPOOK_LITERAL("{\"array\":[]}"), NULL);
  FAILS(SPOOK_E_TYPE, spook_read_state, pair, SPOOK_LITERAL("/t"), &value, &content);
  FAILS(SPOOK_E_TYPE, spook_read_state, pair, SPOOK_LITERAL("/t/array"), &value, &content);
}

static void unknown_kinds_are_refused(void) {
  static const uint32_t kinds[] = {SPOOK_NONE, SPOOK_ARRAY, SPOOK_OBJECT, 12, UINT32_MAX};
  for (int i = 0; i < 5; i++) {
    spook_value value = spook_value_of_kind(kinds[i]);
    FAILS(SPOOK_E_INVALID, spook_write_state, pair, SPOOK_LITERAL("/v"), &value, NULL);
  }
}

static void several_operations_are_one_candidate(void) {
  spook_operation operations[3];
  memset(operations, 0, sizeof operations);
  write_int(pair, "/gone", 1);
  operations[0].action = SPOOK_SET;
  operations[0].path.data = "/one";
  operations[0].path.len = 4;
  operations[0].value = spook_int64(1);
  operations[1].action = SPOOK_SET;
  operations[1].path.data = "/two";
  operations[1].path.len = 4;
  operations[1].value = spook_json(SPOOK_LITERAL("{\"x\":2}"));
  operations[2].action = SPOOK_DELETE;
  operations[2].path.data = "/gone";
  operations[2].path.len = 5;
  spook_candidate candidate;
  OK(spook_write_many, pair, operations, 3, &candidate);
  EQUAL(3, candidate.cells);
  EQUAL(1, read_int(pair, "/one"));
  EQUAL(2, read_int(pair, "/two/x"));
  operations[1].action = 9;
  operations[0].value = spook_int64(5);
  FAILS(SPOOK_E_INVALID, spook_write_many, pair, operations, 3, NULL);
  operations[1].action = SPOOK_SET;
  FAILS(SPOOK_E_NOT_FOUND, spook_write_many, pair, operations, 3, NULL);
  EQUAL(1, read_int(pair, "/one"));
  FAILS(SPOOK_E_INVALID, spook_write_many, pair, NULL, 0, NULL);
}

static void deleting(void) {
  spook_value value = spook_null();
  spook_buf content = spook_buf_init();
  write_int(pair, "/d", 1);
  OK(spook_delete_state, pair, SPOOK_LITERAL("/d"), NULL);
  FAILS(SPOOK_E_NOT_FOUND, spook_delete_state, pair, SPOOK_LITERAL("/d"), NULL);
  FAILS(SPOOK_E_NOT_FOUND, spook_read_state, pair, SPOOK_LITERAL("/d"), &value, &content);
}

static void paths_are_json_pointers(void) {
  write_int(pair, "/a~1b~0c", 8);
  EQUAL(8, read_int(pair, "/a~1b~0c"));
  spook_value value = spook_null();
  FAILS(SPOOK_E_POINTER, spook_write_state, pair, SPOOK_LITERAL("no-slash"), &value, NULL);
  FAILS(SPOOK_E_TYPE, spook_write_state, pair, SPOOK_LITERAL("/a~1b~0c/below"), &value, NULL);
  spook_buf whole = spook_buf_init();
  OK(spook_read_state_json, pair, NULL, 0, &whole);
  CHECK(whole.len > 2 && whole.data[0] == '{');
  spook_buf_free(&whole);
}

static void a_candidate_has_a_name(void) {
  spook_candidate first, second;
  spook_value value = spook_int64(1);
  OK(spook_write_state, pair, SPOOK_LITERAL("/c"), &value, &first);
  OK(spook_write_state, pair, SPOOK_LITERAL("/c"), &value, &second);
  spook_id me;
  OK(spook_endpoint_id, engine, &me);
  CHECK(memcmp(&me, &first.author, sizeof me) == 0);
  CHECK(second.number > first.number && second.stamp > first.stamp && first.cells == 1 && first.epoch == second.epoch);
  bool settled = false;
  OK(spook_is_settled, pair, &first, &settled);
  first.author.bytes[0] ^= 1;
  FAILS(SPOOK_E_INVALID, spook_is_settled, pair, &first, &settled);
}

int main(void) {
  engine = new_engine();
  pair = new_pair(engine, "values");
  static const test_case tests[] = {
      CASE(numbers_keep_64_bits),         CASE(equal_integers_are_equal_values), CASE(floats_bools_and_null),
      CASE(what_is_not_finite_is_refused), CASE(text_and_bytes_of_any_length),   CASE(text_must_be_utf8),
      CASE(trees_as_json),                CASE(trees_as_cbor),                   CASE(trees_are_no_scalars),
      CASE(unknown_kinds_are_refused),    CASE(several_operations_are_one_candidate), CASE(deleting),
      CASE(paths_are_json_pointers),      CASE(a_candidate_has_a_name),
  };
  int result = RUN(tests);
  OK(spook_close, engine);
  return result;
}
