/* Writes on conditions, their outcomes, strong Pairs, transitions, taking back. */
#include "linked.h"

static const char GUARDS[] = "{\"guards\":true,\"rules\":{\"/stock\":\"counter\"}}";

static spook_write_options waiting(uint32_t wait, int64_t timeout_ms) {
  spook_write_options options = spook_write_options_init();
  options.wait = wait;
  options.timeout_ms = timeout_ms;
  return options;
}

/* One increment of /stock on one condition. */
static int32_t take(spook_pair *pair, int64_t count, spook_guard guard, const spook_write_options *options, spook_candidate *out,
                    spook_error **error) {
  spook_operation operation = spook_operation_of(SPOOK_INCREMENT, "/stock", 6, spook_int64(-count));
  return spook_write(pair, &operation, 1, &guard, 1, options, out, error);
}

static spook_guard at_least(int64_t count) {
  return spook_guard_range("/stock", 6, spook_int64(count), spook_value_of_kind(SPOOK_NONE));
}

static uint32_t state_of(spook_pair *pair, const spook_candidate *candidate) {
  spook_write_status status = spook_write_status_init();
  OK(spook_status, pair, candidate, &status, NULL);
  return status.state;
}

static void guards_hold_or_void_the_write(void) {
  spook_engine *home = listening_on("mem:c-guards"), *phone = listening_on("");
  spook_pair *first = new_pair_with(home, "a", GUARDS), *second = opened_by_ticket(first, phone);
  spook_write_options wait = waiting(SPOOK_WAIT_COMMITTED, 60000);
  spook_candidate good, void_one, same;
  spook_write_status status = spook_write_status_init();
  spook_error *error = NULL;
  spook_buf why = spook_buf_init();
  write_json(first, "/stock", "5");
  settle(first);
  OK(take, second, 3, at_least(3), &wait, &good);
  EQUAL(SPOOK_STATUS_COMMITTED, state_of(second, &good));
  memset(&void_one, 0x5a, sizeof void_one);
  EQUAL(SPOOK_E_VOIDED, take(second, 3, at_least(3), &wait, &void_one, &error));
  CHECK(void_one.number == 0x5a5a5a5a5a5a5a5a); /* Out arguments are for success. */
  EQUAL(SPOOK_OK, spook_error_candidate(error, &void_one));
  CHECK(void_one.number > good.number && strstr(spook_error_detail(error), "/stock") != NULL);
  spook_error_free(error);
  EQUAL(SPOOK_E_CLOSED, spook_error_candidate(error, &same));
  OK(spook_status, second, &void_one, &status, &why);
  EQUAL(SPOOK_STATUS_VOIDED, status.state);
  CHECK(status.verdict == 0 && status.held_by_peer == 0 && holds(&why, "/stock"));
  spook_buf_free(&why);
  bool settled = false;
  OK(spook_is_settled, second, &void_one, &settled);
  CHECK(settled);
  EQUAL(2, read_int(second, "/stock"));
  EQUAL(2, read_int(first, "/stock"));
  /* The peer knows it by the same name. */
  OK(spook_wait_committed, first, &void_one, 60000, &status, &why);
  CHECK(status.state == SPOOK_STATUS_VOIDED && why.len > 0);
  spook_buf_free(&why);
  OK(spook_wait_committed, first, &good, 60000, &status, &why);
  CHECK(status.state == SPOOK_STATUS_COMMITTED && why.data == NULL);
  good.number += 1000000;
  FAILS(SPOOK_E_NOT_FOUND, spook_status, first, &good, &status, &why);
  OK(spook_close, phone);
  OK(spook_close, home);
}

static void each_kind_of_guard(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair_with(engine, "a", GUARDS);
  spook_write_options wait = waiting(SPOOK_WAIT_COMMITTED, 60000);
  spook_value none = spook_value_of_kind(SPOOK_NONE);
  spook_fingerprint before, after;
  spook_guard guards[2];
  write_json(pair, "/stock", "5");
  write_json(pair, "/name", "\"ann\"");
  write_json(pair, "/tree", "{\"a\":[1]}");
  OK(spook_read_fingerprint, pair, "/tree", 5, &before);
  OK(take, pair, 1, spook_guard_equals("/name", 5, spook_string("ann", 3)), &wait, NULL);
  OK(take, pair, 1, spook_guard_equals("/tree", 5, spook_json("{\"a\":[1]}", 9)), &wait, NULL);
  OK(take, pair, 1, spook_guard_absent("/none", 5), &wait, NULL);
  OK(take, pair, 1, spook_guard_range("/name", 5, spook_string("a", 1), spook_string("b", 1)), &wait, NULL);
  OK(take, pair, 1, spook_guard_unchanged("/tree", 5, before), &wait, NULL);
  FAILS(SPOOK_E_VOIDED, take, pair, 1, spook_guard_equals("/name", 5, spook_string("bob", 3)), &wait, NULL);
  FAILS(SPOOK_E_VOIDED, take, pair, 1, spook_guard_absent("/name", 5), &wait, NULL);
  FAILS(SPOOK_E_VOIDED, take, pair, 1, spook_guard_range("/name", 5, none, spook_string("a", 1)), &wait, NULL);
  write_json(pair, "/tree/a", "[1]");
  OK(spook_read_fingerprint, pair, "/tree", 5, &after);
  CHECK(memcmp(&before, &after, sizeof before) != 0);
  FAILS(SPOOK_E_VOIDED, take, pair, 1, spook_guard_unchanged("/tree", 5, before), &wait, NULL);
  OK(take, pair, 1, spook_guard_unchanged("/tree", 5, after), &wait, NULL);
  EQUAL(-1, read_int(pair, "/stock"));
  /* Several guards hold together or not at all. */
  spook_operation operation = spook_operation_of(SPOOK_SET, "/x", 2, spook_int64(1));
  guards[0] = spook_guard_absent("/none", 5);
  guards[1] = spook_guard_absent("/name", 5);
  FAILS(SPOOK_E_VOIDED, spook_write, pair, &operation, 1, guards, 2, &wait, NULL);
  OK(spook_write, pair, &operation, 1, guards, 1, &wait, NULL);
  OK(spook_write, pair, &operation, 1, NULL, 0, NULL, NULL);
  OK(spook_close, engine);
}

static void guards_that_make_no_sense(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair_with(engine, "a", GUARDS), *plain = new_pair(engine, "b");
  spook_value none = spook_value_of_kind(SPOOK_NONE);
  spook_fingerprint fingerprint;
  spook_candidate candidate;
  spook_guard guard = spook_guard_absent("/x", 2);
  spook_write_options options = waiting(3, 0);
  FAILS(SPOOK_E_GUARD, take, plain, 1, guard, NULL, NULL);
  FAILS(SPOOK_E_GUARD, spook_read_fingerprint, plain, "", 0, &fingerprint);
  FAILS(SPOOK_E_INVALID, take, pair, 1, guard, &options, NULL);
  FAILS(SPOOK_E_GUARD, take, pair, 1, spook_guard_range("/x", 2, none, none), NULL, NULL);
  FAILS(SPOOK_E_GUARD, take, pair, 1, spook_guard_range("/x", 2, spook_bool(true), none), NULL, NULL);
  FAILS(SPOOK_E_POINTER, take, pair, 1, spook_guard_absent("x", 1), NULL, NULL);
  FAILS(SPOOK_E_INVALID, take, pair, 1, spook_guard_equals("/x", 2, none), NULL, NULL);
  FAILS(SPOOK_E_POINTER, spook_read_fingerprint, pair, "x", 1, &fingerprint);
  guard.expect = 0;
  FAILS(SPOOK_E_INVALID, take, pair, 1, guard, NULL, NULL);
  guard.expect = 5;
  FAILS(SPOOK_E_INVALID, take, pair, 1, guard, NULL, NULL);
  reads(pair, "", "{}"); /* Nothing was written. */
  /* An error of a call that wrote nothing names nothing. */
  spook_error *error = NULL;
  EQUAL(SPOOK_E_INVALID, take(pair, 1, guard, NULL, NULL, &error));
  EQUAL(SPOOK_E_NOT_FOUND, spook_error_candidate(error, &candidate));
  EQUAL(SPOOK_E_NULL, spook_error_candidate(error, NULL));
  spook_error_free(error);
  options.struct_size = 7;
  FAILS(SPOOK_E_INVALID, take, pair, 1, spook_guard_absent("/x", 2), &options, NULL);
  OK(spook_close, engine);
}

static void without_the_peer_an_outcome_is_open(void) {
  halves both;
  spook_write_options no_wait = waiting(SPOOK_WAIT_NO, 0), wait = waiting(SPOOK_WAIT_COMMITTED, 60000);
  spook_write_status status = spook_write_status_init();
  spook_candidate candidate, again;
  spook_buf why = spook_buf_init();
  halves_begin(&both, GUARDS, NULL);
  OK(spook_close, both.phone);
  OK(take, both.first, 1, at_least(1), &no_wait, &candidate);
  OK(spook_wait_committed, both.first, &candidate, 20, &status, &why);
  EQUAL(SPOOK_STATUS_TENTATIVE, status.state);
  EQUAL(SPOOK_VERDICT_REJECTED, status.verdict);
  CHECK(status.held_by_peer == 0 && holds(&why, "/stock"));
  spook_buf_free(&why);
  OK(spook_write_state_json, both.first, "/x", 2, "1", 1, &candidate);
  OK(spook_status, both.first, &candidate, &status, &why);
  CHECK(status.state == SPOOK_STATUS_TENTATIVE && status.verdict == SPOOK_VERDICT_ACCEPTED && why.data == NULL);
  wait.timeout_ms = 20;
  spook_error *error = NULL;
  EQUAL(SPOOK_E_DECOHERED, take(both.first, 0, spook_guard_absent("/none", 5), &wait, NULL, &error));
  EQUAL(SPOOK_OK, spook_error_candidate(error, &candidate));
  spook_error_free(error);
  both.phone = halves_open(&both, 0);
  OK(spook_wait_committed, both.first, &candidate, -1, &status, NULL);
  EQUAL(SPOOK_STATUS_COMMITTED, status.state);
  /* A candidate is a name that outlives the engine. */
  OK(spook_close, both.home);
  both.home = halves_open(&both, 1);
  both.first = found(both.home, "a");
  EQUAL(SPOOK_STATUS_COMMITTED, state_of(both.first, &candidate));
  again = candidate;
  again.author.bytes[0] ^= 1;
  FAILS(SPOOK_E_NOT_FOUND, spook_status, both.first, &again, &status, NULL);
  status.struct_size = 8;
  FAILS(SPOOK_E_INVALID, spook_status, both.first, &candidate, &status, NULL);
  halves_end(&both);
}

static void a_write_is_taken_back(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair_with(engine, "a", GUARDS), *plain = new_pair(engine, "b");
  spook_write_options wait = waiting(SPOOK_WAIT_COMMITTED, 60000);
  spook_candidate set, counted, reverting;
  spook_operation operation = spook_operation_of(SPOOK_INCREMENT, "/stock", 6, spook_int64(4));
  write_json(pair, "/x", "1");
  OK(spook_write_state_json, pair, "/x", 2, "2", 1, &set);
  OK(spook_write_many, pair, &operation, 1, &counted);
  OK(spook_revert, pair, &set, &wait, &reverting);
  CHECK(reverting.number > counted.number && reverting.cells == 1);
  EQUAL(1, read_int(pair, "/x"));
  OK(spook_revert, pair, &counted, NULL, NULL);
  EQUAL(0, read_int(pair, "/stock"));
  OK(spook_write_state_json, pair, "/x", 2, "3", 1, &set);
  write_json(pair, "/x", "4");
  FAILS(SPOOK_E_VOIDED, spook_revert, pair, &set, &wait, NULL); /* Something was written there since. */
  EQUAL(4, read_int(pair, "/x"));
  set.number += 1000000;
  FAILS(SPOOK_E_NOT_FOUND, spook_revert, pair, &set, NULL, NULL);
  OK(spook_write_state_json, plain, "/x", 2, "1", 1, &set);
  FAILS(SPOOK_E_GUARD, spook_revert, plain, &set, NULL, NULL);
  wait.wait = 9;
  FAILS(SPOOK_E_INVALID, spook_revert, pair, &counted, &wait, NULL);
  OK(spook_close, engine);
}

/* Strong Pairs: a write is committed when it returns; without the peer it says that its outcome is open. */
static void a_strong_pair_waits(void) {
  spook_engine *home = listening_on("tcp:127.0.0.1:0"), *phone = listening_on("");
  static const char schema[] = "{\"consistency\":\"strong\"}";
  spook_pair_options options = spook_pair_options_init();
  spook_pair *first = NULL;
  options.schema.data = schema;
  options.schema.len = sizeof schema - 1;
  options.write_timeout_ms = 30000;
  OK(spook_create_pair, home, "a", 1, NULL, &options, &first);
  spook_pair *second = opened_by_ticket(first, phone);
  spook_candidate candidate;
  spook_value value = spook_int64(7);
  spook_error *error = NULL;
  OK(spook_write_state, second, "/x", 2, &value, &candidate);
  EQUAL(SPOOK_STATUS_COMMITTED, state_of(second, &candidate));
  OK(spook_close, home);
  spook_write_options wait = waiting(SPOOK_WAIT_COMMITTED, 50), no_wait = waiting(SPOOK_WAIT_NO, 0);
  spook_operation operation = spook_operation_of(SPOOK_SET, "/x", 2, spook_int64(8));
  EQUAL(SPOOK_E_DECOHERED, spook_write(second, &operation, 1, NULL, 0, &wait, NULL, &error));
  EQUAL(SPOOK_OK, spook_error_candidate(error, &candidate));
  spook_error_free(error);
  EQUAL(SPOOK_STATUS_TENTATIVE, state_of(second, &candidate));
  OK(spook_write, second, &operation, 1, NULL, 0, &no_wait, NULL);
  EQUAL(7, read_int(second, "/x")); /* What is committed. */
  spook_buf json = spook_buf_init();
  OK(spook_read_tentative_json, second, "/x", 2, &json);
  CHECK(buf_is(&json, "8", 1));
  spook_buf_free(&json);
  OK(spook_close, phone);
}

static void the_write_timeout_is_that_of_the_options(void) {
  halves both;
  spook_pair *alone = NULL;
  spook_value value = spook_int64(1);
  spook_pair_options options = spook_pair_options_init();
  static const char schema[] = "{\"consistency\":\"strong\"}";
  halves_begin(&both, "{}", NULL);
  options.schema.data = schema;
  options.schema.len = sizeof schema - 1;
  options.write_timeout_ms = 30;
  OK(spook_create_pair, both.home, "b", 1, NULL, &options, &alone);
  spook_pair *other = opened_by_ticket(alone, both.phone);
  EQUAL(0, other == NULL);
  OK(spook_close, both.phone);
  FAILS(SPOOK_E_DECOHERED, spook_write_state, alone, "/x", 2, &value, NULL);
  both.phone = halves_open(&both, 0);
  halves_end(&both);
}

/* A transition: an order goes from one state to the next, and to no other. */
static spook_text literal(const char *text) {
  spook_text out = {text, strlen(text)};
  return out;
}

static int is_text(const spook_value *value, const char *text) {
  return value->kind == SPOOK_STRING && text_is(value->as.text, text);
}

static int32_t order(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  spook_value wanted = call->candidates[0].value;
  (void)user_data;
  CHECK(call->kind == SPOOK_RULE_TRANSITION && call->candidate_count == 1 && text_is(call->path, "/order"));
  if (is_text(&wanted, "broken")) {
    result->why = literal("the rule does not know that");
    return -1;
  }
  if (wanted.kind == SPOOK_NONE) return SPOOK_OK; /* Removes it. */
  if (is_text(&wanted, "paid") && !is_text(&call->state, "open")) {
    result->why = literal("only an open order is paid");
    return SPOOK_RULE_REJECT;
  }
  result->value = wanted;
  return SPOOK_OK;
}

static void with_order(spook_engine *engine) {
  spook_rule_options options = spook_rule_options_init();
  options.kind = SPOOK_RULE_TRANSITION;
  OK(spook_register_rule, engine, "order", 5, &options, order, NULL, NULL);
}

static void a_transition_decides_on_each_candidate(void) {
  spook_engine *engine = new_engine();
  spook_write_options wait = waiting(SPOOK_WAIT_COMMITTED, 60000);
  spook_observe_options observe = spook_observe_options_init();
  spook_subscription *subscription = NULL;
  spook_event event = spook_event_init();
  spook_candidate candidate;
  with_order(engine);
  spook_pair *pair = new_pair_with(engine, "a", "{\"rules\":{\"/order\":\"transition:order\"}}");
  observe.events = 1;
  OK(spook_observe_poll, pair, "", 0, &observe, &subscription);
  spook_operation operation = spook_operation_of(SPOOK_SET, "/order", 6, spook_string("paid", 4));
  FAILS(SPOOK_E_VOIDED, spook_write, pair, &operation, 1, NULL, 0, &wait, NULL);
  next_of_kind(subscription, SPOOK_EVENT_VERDICT, &event);
  CHECK(event.verdict == SPOOK_VERDICT_REJECTED && strstr(event.why.data, "only an open order is paid") != NULL);
  CHECK(event.candidate.number > 0 && event.why.len > 0);
  spook_event_free(&event);
  CHECK(event.why.data == NULL);
  write_json(pair, "/order", "\"open\"");
  OK(spook_write, pair, &operation, 1, NULL, 0, &wait, &candidate);
  reads(pair, "/order", "\"paid\"");
  OK(spook_delete_state, pair, "/order", 6, NULL);
  reads(pair, "", "{}");
  operation.value = spook_string("broken", 6);
  wait.timeout_ms = 20;
  FAILS(SPOOK_E_DECOHERED, spook_write, pair, &operation, 1, NULL, 0, &wait, NULL);
  next_of_kind(subscription, SPOOK_EVENT_RULE_FAILED, &event);
  CHECK(text_is(event.path, "/order") && text_is(event.rule, "transition:order"));
  CHECK(strstr(event.why.data, "the rule does not know that") != NULL);
  spook_event_free(&event);
  OK(spook_close, engine);
}

int main(void) {
  static const test_case tests[] = {
      CASE(guards_hold_or_void_the_write),
      CASE(each_kind_of_guard),
      CASE(guards_that_make_no_sense),
      CASE(without_the_peer_an_outcome_is_open),
      CASE(a_write_is_taken_back),
      CASE(a_strong_pair_waits),
      CASE(the_write_timeout_is_that_of_the_options),
      CASE(a_transition_decides_on_each_candidate),
  };
  return RUN(tests);
}
