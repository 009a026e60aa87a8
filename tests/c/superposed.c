/* Schemas, their operations, what is committed and what is not, conflicts that end, presence, clocks. */
#include "linked.h"

static const char SCHEMA[] =
    "{\"rules\":{\"/hits\":\"counter\",\"/tags\":\"set\",\"/high\":{\"rule\":\"max\",\"type\":\"int\"}},\"unknown\":[1]}";

static spook_operation operation(uint32_t action, const char *path, spook_value value) {
  spook_operation out;
  memset(&out, 0, sizeof out);
  out.action = action;
  out.path.data = path;
  out.path.len = strlen(path);
  out.value = value;
  return out;
}

static void a_schema_is_kept_as_it_was_written(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair_with(engine, "a", SCHEMA), *plain = new_pair(engine, "b");
  spook_buf json = spook_buf_init();
  OK(spook_pair_schema, pair, &json);
  CHECK(holds(&json, "\"unknown\":[1]") && holds(&json, "\"/hits\":\"counter\""));
  spook_buf_free(&json);
  OK(spook_pair_schema, plain, &json);
  CHECK(buf_is(&json, "{}", 2));
  spook_buf_free(&json);
  OK(spook_close, engine);
}

static void wrong_schemas_are_refused(void) {
  static const struct {
    const char *schema;
    int32_t code;
  } cases[] = {
      {"{\"rules\":{\"/x\":\"countr\"}}", SPOOK_E_SCHEMA}, {"{\"consistency\":\"stronger\"}", SPOOK_E_SCHEMA}, {"[]", SPOOK_E_SCHEMA},
      {"{\"rules\":", SPOOK_E_SCHEMA},                     {"{\"version\":2}", SPOOK_E_SCHEMA},              {"\xff", SPOOK_E_UTF8},
  };
  spook_engine *engine = new_engine();
  spook_pair *pair = NULL;
  spook_pair_options options = spook_pair_options_init();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    options.schema.data = cases[i].schema;
    options.schema.len = strlen(cases[i].schema);
    FAILS(cases[i].code, spook_create_pair, engine, "a", 1, NULL, &options, &pair);
  }
  options.schema.data = NULL;
  FAILS(SPOOK_E_NULL, spook_create_pair, engine, "a", 1, NULL, &options, &pair);
  options.schema.len = 0;
  OK(spook_create_pair, engine, "a", 1, NULL, &options, &pair);
  options.struct_size = 8; /* The struct of a program that knows no schema. */
  OK(spook_create_pair, engine, "b", 1, NULL, &options, &pair);
  OK(spook_close, engine);
}

static void operations_follow_the_rules(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair_with(engine, "a", SCHEMA);
  spook_operation operations[3];
  operations[0] = operation(SPOOK_INCREMENT, "/hits", spook_int64(5));
  operations[1] = operation(SPOOK_ADD, "/tags", spook_string("red", 3));
  operations[2] = operation(SPOOK_SET, "/high", spook_int64(7));
  OK(spook_write_many, pair, operations, 3, NULL);
  operations[0] = operation(SPOOK_INCREMENT, "/hits", spook_int64(-2));
  operations[1] = operation(SPOOK_ADD, "/tags", spook_json("3", 1));
  operations[2] = operation(SPOOK_SET, "/high", spook_int64(4));
  OK(spook_write_many, pair, operations, 3, NULL);
  reads(pair, "", "{\"high\":7,\"hits\":3,\"tags\":[3,\"red\"]}");
  operations[0] = operation(SPOOK_REMOVE, "/tags", spook_string("red", 3));
  OK(spook_write_many, pair, operations, 1, NULL);
  reads(pair, "/tags", "[3]");
  operations[0] = operation(SPOOK_INCREMENT, "/hits", spook_int64(INT64_MAX));
  FAILS(SPOOK_E_TOO_LARGE, spook_write_many, pair, operations, 1, NULL);
  operations[0] = operation(SPOOK_INCREMENT, "/hits", spook_float64(1));
  FAILS(SPOOK_E_TYPE, spook_write_many, pair, operations, 1, NULL);
  operations[0] = operation(SPOOK_INCREMENT, "/high", spook_int64(1));
  FAILS(SPOOK_E_TYPE, spook_write_many, pair, operations, 1, NULL);
  operations[0] = operation(SPOOK_ADD, "/hits", spook_int64(1));
  FAILS(SPOOK_E_TYPE, spook_write_many, pair, operations, 1, NULL);
  operations[0] = operation(SPOOK_SET, "/high", spook_string("x", 1));
  FAILS(SPOOK_E_TYPE, spook_write_many, pair, operations, 1, NULL);
  operations[0] = operation(SPOOK_ADD, "/tags", spook_value_of_kind(SPOOK_NONE));
  FAILS(SPOOK_E_INVALID, spook_write_many, pair, operations, 1, NULL);
  operations[0] = operation(6, "/tags", spook_int64(1));
  FAILS(SPOOK_E_INVALID, spook_write_many, pair, operations, 1, NULL);
  reads(pair, "", "{\"high\":7,\"hits\":3,\"tags\":[3]}");
  OK(spook_close, engine);
}

static void concurrent_increments_add_up(void) {
  halves both;
  halves_begin(&both, SCHEMA, NULL);
  halves_write_apart(&both, "/hits", "10", "5");
  reads(both.first, "/hits", "15");
  reads(both.second, "/hits", "15");
  halves_end(&both);
}

static void a_view_is(int32_t (*read)(spook_pair *, const char *, size_t, spook_buf *, spook_error **), spook_pair *pair, const char *json) {
  spook_buf out = spook_buf_init();
  OK(read, pair, "/x", 2, &out);
  CHECK(buf_is(&out, json, strlen(json)));
  spook_buf_free(&out);
}

static void what_is_committed_and_what_is_not(void) {
  halves both;
  spook_value value = spook_null();
  spook_buf content = spook_buf_init();
  halves_begin(&both, "{}", NULL);
  write_json(both.first, "/x", "\"old\"");
  settle(both.first);
  OK(spook_close, both.phone);
  write_json(both.first, "/x", "\"new\"");
  a_view_is(spook_read_committed_json, both.first, "\"old\"");
  a_view_is(spook_read_tentative_json, both.first, "\"new\"");
  a_view_is(spook_read_committed_cbor, both.first, "\x63" "old");
  a_view_is(spook_read_tentative_cbor, both.first, "\x63" "new");
  reads(both.first, "/x", "\"new\"");
  OK(spook_read_committed, both.first, "/x", 2, &value, &content);
  CHECK(value.kind == SPOOK_STRING && buf_is(&content, "old", 3));
  spook_buf_free(&content);
  OK(spook_read_tentative, both.first, "/x", 2, &value, &content);
  CHECK(value.kind == SPOOK_STRING && buf_is(&content, "new", 3));
  spook_buf_free(&content);
  write_json(both.first, "/y", "1");
  FAILS(SPOOK_E_NOT_FOUND, spook_read_committed, both.first, "/y", 2, &value, &content);
  FAILS(SPOOK_E_NOT_FOUND, spook_read_committed_json, both.first, "/y", 2, &content);
  FAILS(SPOOK_E_POINTER, spook_read_tentative_cbor, both.first, "y", 1, &content);
  both.phone = halves_open(&both, 0);
  both.second = found(both.phone, "a");
  settle(both.first);
  a_view_is(spook_read_committed_json, both.first, "\"new\"");
  halves_end(&both);
}

static void a_collapse_lists_the_conflicts_that_ended(void) {
  halves both;
  spook_collapse_options options = spook_collapse_options_init();
  spook_collapse_result result = spook_collapse_result_init();
  spook_buf json = spook_buf_init();
  halves_begin(&both, "{\"registers\":{\"stock\":{},\"orders\":{}}}", NULL);
  options.settled = 1;
  options.timeout_ms = 60000;
  OK(spook_close, both.home);
  write_json(both.second, "/stock/x", "1");
  OK(spook_close, both.phone);
  both.home = halves_open(&both, 1);
  both.first = found(both.home, "a");
  write_json(both.first, "/stock/x", "2");
  both.phone = halves_open(&both, 0);
  both.second = found(both.phone, "a");
  OK(spook_collapse_json, both.second, &options, &json);
  CHECK(holds(&json, "\"settled\":true") && holds(&json, "\"count\":") && holds(&json, "\"digest\":\""));
  CHECK(holds(&json, "\"resolved\":[{\"candidates\":2,\"path\":\"/stock/x\",\"value\":2}]"));
  CHECK(holds(&json, "\"registers\":{\"orders\":\"") && holds(&json, "\"stock\":\""));
  spook_buf_free(&json);
  OK(spook_collapse, both.first, &options, &result);
  EQUAL(1, result.resolved);
  OK(spook_collapse, both.first, &options, &result);
  EQUAL(0, result.resolved); /* Told once. */
  OK(spook_collapse_cbor, both.first, NULL, &json);
  EQUAL(0xa4, json.data[0]);
  spook_buf_free(&json);
  options.struct_size = 3;
  FAILS(SPOOK_E_INVALID, spook_collapse_json, both.first, &options, &json);
  spook_value value = spook_int64(1);
  FAILS(SPOOK_E_TYPE, spook_write_state, both.first, "/elsewhere", 10, &value, NULL);
  /* A program that knows no `resolved` keeps what lies behind its struct. */
  result.struct_size = 32;
  result.resolved = 99;
  OK(spook_collapse, both.first, NULL, &result);
  EQUAL(99, result.resolved);
  halves_end(&both);
}

static void presence_is_shown_while_there_is_a_link(void) {
  spook_engine *home = listening_on("tcp:127.0.0.1:0"), *phone = listening_on("");
  spook_pair *first = new_pair(home, "a"), *second = opened_by_ticket(first, phone);
  spook_observe_options options = spook_observe_options_init();
  spook_subscription *subscription = NULL;
  spook_event event = spook_event_init();
  spook_buf buf = spook_buf_init();
  options.events = 1;
  OK(spook_observe_poll, first, "/nowhere", 8, &options, &subscription);
  spook_value cursor = spook_json("{\"line\":3}", 10), nan = spook_float64(0.0);
  OK(spook_set_presence, second, "cursor", 6, &cursor);
  next_of_kind(subscription, SPOOK_EVENT_PRESENCE, &event);
  CHECK(text_is(event.key, "cursor") && event.value.kind == SPOOK_OBJECT && event.path.len == 0);
  OK(spook_event_json, &event, &buf);
  CHECK(buf_is(&buf, "{\"line\":3}", 10));
  spook_buf_free(&buf);
  OK(spook_presence_json, first, &buf);
  CHECK(buf_is(&buf, "{\"cursor\":{\"line\":3}}", 21));
  spook_buf_free(&buf);
  OK(spook_presence_cbor, second, &buf);
  CHECK(buf_is(&buf, "\xa0", 1)); /* That of the peer, not one's own. */
  spook_buf_free(&buf);
  OK(spook_set_presence, second, "cursor", 6, NULL);
  next_of_kind(subscription, SPOOK_EVENT_PRESENCE, &event);
  CHECK(text_is(event.key, "cursor") && event.value.kind == SPOOK_NONE);
  FAILS(SPOOK_E_NOT_FOUND, spook_event_json, &event, &buf);
  spook_event_free(&event);
  CHECK(event.key.data == NULL);
  OK(spook_presence_json, first, &buf);
  CHECK(buf_is(&buf, "{}", 2));
  spook_buf_free(&buf);
  nan.as.float64 /= nan.as.float64;
  FAILS(SPOOK_E_INVALID, spook_set_presence, second, "", 0, &cursor);
  FAILS(SPOOK_E_UTF8, spook_set_presence, second, "\xff", 1, &cursor);
  FAILS(SPOOK_E_NAN, spook_set_presence, second, "x", 1, &nan);
  char large[5000];
  memset(large, 'x', sizeof large);
  spook_value text = spook_string(large, sizeof large);
  FAILS(SPOOK_E_TOO_LARGE, spook_set_presence, second, "x", 1, &text);
  FAILS(SPOOK_E_TOO_LARGE, spook_set_presence, second, large, 257, &cursor);
  OK(spook_close, phone);
  OK(spook_close, home);
}

static void clocks_are_compared(void) {
  spook_engine *home = listening_on("tcp:127.0.0.1:0"), *phone = listening_on("");
  spook_pair *first = new_pair(home, "a");
  spook_clock clock = spook_clock_init();
  OK(spook_pair_clock, first, &clock);
  CHECK(clock.is_measured == 0 && clock.offset_ms == 0 && clock.suspect_ms == 0);
  spook_pair *second = opened_by_ticket(first, phone);
  for (int i = 0; i < 6000 && clock.is_measured == 0; i++) {
    write_int(second, "/x", i);
    settle(second);
    OK(spook_pair_clock, second, &clock);
    if (clock.is_measured == 0) sleep_ms(10);
  }
  EQUAL(1, clock.is_measured);
  CHECK(clock.offset_ms > -5000 && clock.offset_ms < 5000 && clock.suspect_ms == 0);
  clock.struct_size = 8;
  FAILS(SPOOK_E_INVALID, spook_pair_clock, first, &clock);
  OK(spook_close, phone);
  OK(spook_close, home);
}

int main(void) {
  static const test_case tests[] = {
      CASE(a_schema_is_kept_as_it_was_written),
      CASE(wrong_schemas_are_refused),
      CASE(operations_follow_the_rules),
      CASE(concurrent_increments_add_up),
      CASE(what_is_committed_and_what_is_not),
      CASE(a_collapse_lists_the_conflicts_that_ended),
      CASE(presence_is_shown_while_there_is_a_link),
      CASE(clocks_are_compared),
  };
  return RUN(tests);
}
