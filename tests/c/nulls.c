/* NULL in each pointer of each function, and out arguments that keep what they held. */
#include "check.h"

static spook_engine *engine;
static spook_pair *pair;
static spook_subscription *subscription;

/* Out arguments, filled with a pattern that no call that fails may change. */
typedef struct {
  spook_engine *engine;
  spook_pair *pair;
  spook_subscription *subscription;
  spook_buf buf;
  spook_buf content;
  spook_value value;
  spook_candidate candidate;
  spook_id id;
  spook_lifecycle lifecycle;
  spook_collapse_result collapse;
  spook_traffic traffic;
  spook_event event;
  spook_clock clock;
  spook_write_status status;
  spook_fingerprint fingerprint;
  bool flag;
  int32_t number;
} outs;

static outs out, canary;

static void fresh(void) {
  memset(&canary, 0x5a, sizeof canary);
  canary.collapse.struct_size = (uint32_t)sizeof canary.collapse;
  canary.traffic.struct_size = (uint32_t)sizeof canary.traffic;
  canary.event.struct_size = (uint32_t)sizeof canary.event;
  canary.clock.struct_size = (uint32_t)sizeof canary.clock;
  canary.status.struct_size = (uint32_t)sizeof canary.status;
  memcpy(&out, &canary, sizeof out);
}

#define REFUSED(code, function, ...)                       \
  do {                                                     \
    fresh();                                               \
    FAILS(code, function, __VA_ARGS__);                    \
    CHECK(memcmp(&out, &canary, sizeof out) == 0);         \
  } while (0)

#define NULLS(function, ...) REFUSED(SPOOK_E_NULL, function, __VA_ARGS__)

static void of_engines(void) {
  spook_engine_options options = spook_engine_options_init();
  NULLS(spook_open, NULL, 1, &out.engine);
  NULLS(spook_open, NULL, 0, NULL);
  NULLS(spook_open_with, &options, NULL);
  NULLS(spook_close, NULL);
  NULLS(spook_endpoint_id, NULL, &out.id);
  NULLS(spook_endpoint_id, engine, NULL);
  NULLS(spook_addresses, NULL, &out.buf);
  NULLS(spook_addresses, engine, NULL);
  NULLS(spook_pairs, NULL, &out.buf);
  NULLS(spook_pairs, engine, NULL);
  NULLS(spook_engine_traffic, NULL, &out.traffic);
  NULLS(spook_engine_traffic, engine, NULL);
  options.location.len = 1;
  NULLS(spook_open_with, &options, &out.engine);
  options = spook_engine_options_init();
  options.listen = SPOOK_LISTEN_ADDRESSES;
  options.address_count = 1;
  NULLS(spook_open_with, &options, &out.engine);
}

static void of_pairs(void) {
  spook_value value = spook_string(NULL, 1);
  NULLS(spook_create_pair, NULL, "n", 1, NULL, NULL, &out.pair);
  NULLS(spook_create_pair, engine, NULL, 1, NULL, NULL, &out.pair);
  NULLS(spook_create_pair, engine, "n", 1, &value, NULL, &out.pair);
  NULLS(spook_create_pair, engine, "n", 1, NULL, NULL, NULL);
  NULLS(spook_open_pair, NULL, "n", 1, 0, &out.pair);
  NULLS(spook_open_pair, engine, NULL, 1, 0, &out.pair);
  NULLS(spook_open_pair, engine, "n", 1, 0, NULL);
  NULLS(spook_pair_close, NULL);
  NULLS(spook_pair_id, NULL, &out.id);
  NULLS(spook_pair_id, pair, NULL);
  NULLS(spook_pair_name, NULL, &out.buf);
  NULLS(spook_pair_name, pair, NULL);
  NULLS(spook_pair_ticket, NULL, NULL, &out.buf);
  NULLS(spook_pair_ticket, pair, NULL, NULL);
  NULLS(spook_pair_lifecycle, NULL, &out.lifecycle);
  NULLS(spook_pair_lifecycle, pair, NULL);
  NULLS(spook_collapse, NULL, NULL, &out.collapse);
  NULLS(spook_collapse, pair, NULL, NULL);
  NULLS(spook_collapse_json, NULL, NULL, &out.buf);
  NULLS(spook_collapse_json, pair, NULL, NULL);
  NULLS(spook_collapse_cbor, NULL, NULL, &out.buf);
  NULLS(spook_collapse_cbor, pair, NULL, NULL);
  NULLS(spook_conflicts_json, NULL, "", 0, &out.buf);
  NULLS(spook_conflicts_json, pair, NULL, 1, &out.buf);
  NULLS(spook_conflicts_json, pair, "", 0, NULL);
  NULLS(spook_conflicts_cbor, NULL, "", 0, &out.buf);
  NULLS(spook_conflicts_cbor, pair, NULL, 1, &out.buf);
  NULLS(spook_conflicts_cbor, pair, "", 0, NULL);
  NULLS(spook_pair_clock, NULL, &out.clock);
  NULLS(spook_pair_clock, pair, NULL);
  NULLS(spook_pair_schema, NULL, &out.buf);
  NULLS(spook_pair_schema, pair, NULL);
  NULLS(spook_id_text, NULL, &out.buf);
  NULLS(spook_id_text, &canary.id, NULL);
}

static void of_the_state(void) {
  spook_value value = spook_bytes_value(NULL, 1);
  spook_operation operation;
  memset(&operation, 0, sizeof operation);
  operation.action = SPOOK_SET;
  operation.value = spook_null();
  operation.path.len = 1;
  NULLS(spook_read_state, NULL, "", 0, &out.value, &out.content);
  NULLS(spook_read_state, pair, NULL, 1, &out.value, &out.content);
  NULLS(spook_read_state, pair, "/x", 2, NULL, &out.content);
  NULLS(spook_read_state, pair, "/x", 2, &out.value, NULL);
  NULLS(spook_read_state_json, NULL, "", 0, &out.buf);
  NULLS(spook_read_state_json, pair, NULL, 1, &out.buf);
  NULLS(spook_read_state_json, pair, "", 0, NULL);
  NULLS(spook_read_state_cbor, NULL, "", 0, &out.buf);
  NULLS(spook_read_state_cbor, pair, NULL, 1, &out.buf);
  NULLS(spook_read_state_cbor, pair, "", 0, NULL);
  NULLS(spook_read_committed, NULL, "", 0, &out.value, &out.content);
  NULLS(spook_read_committed, pair, NULL, 1, &out.value, &out.content);
  NULLS(spook_read_committed, pair, "/x", 2, NULL, &out.content);
  NULLS(spook_read_committed, pair, "/x", 2, &out.value, NULL);
  NULLS(spook_read_committed_json, NULL, "", 0, &out.buf);
  NULLS(spook_read_committed_json, pair, "", 0, NULL);
  NULLS(spook_read_committed_cbor, pair, NULL, 1, &out.buf);
  NULLS(spook_read_committed_cbor, pair, "", 0, NULL);
  NULLS(spook_read_tentative, NULL, "", 0, &out.value, &out.content);
  NULLS(spook_read_tentative, pair, NULL, 1, &out.value, &out.content);
  NULLS(spook_read_tentative, pair, "/x", 2, NULL, &out.content);
  NULLS(spook_read_tentative, pair, "/x", 2, &out.value, NULL);
  NULLS(spook_read_tentative_json, NULL, "", 0, &out.buf);
  NULLS(spook_read_tentative_json, pair, "", 0, NULL);
  NULLS(spook_read_tentative_cbor, pair, NULL, 1, &out.buf);
  NULLS(spook_read_tentative_cbor, pair, "", 0, NULL);
  NULLS(spook_write_state, NULL, "/x", 2, &operation.value, &out.candidate);
  NULLS(spook_write_state, pair, NULL, 2, &operation.value, &out.candidate);
  NULLS(spook_write_state, pair, "/x", 2, NULL, &out.candidate);
  NULLS(spook_write_state, pair, "/x", 2, &value, &out.candidate);
  NULLS(spook_write_state_json, NULL, "/x", 2, "1", 1, &out.candidate);
  NULLS(spook_write_state_json, pair, NULL, 2, "1", 1, &out.candidate);
  NULLS(spook_write_state_json, pair, "/x", 2, NULL, 1, &out.candidate);
  NULLS(spook_write_state_cbor, NULL, "/x", 2, (const uint8_t *)"\1", 1, &out.candidate);
  NULLS(spook_write_state_cbor, pair, NULL, 2, (const uint8_t *)"\1", 1, &out.candidate);
  NULLS(spook_write_state_cbor, pair, "/x", 2, NULL, 1, &out.candidate);
  NULLS(spook_delete_state, NULL, "/x", 2, &out.candidate);
  NULLS(spook_delete_state, pair, NULL, 2, &out.candidate);
  NULLS(spook_write_many, NULL, &operation, 1, &out.candidate);
  NULLS(spook_write_many, pair, NULL, 1, &out.candidate);
  NULLS(spook_write_many, pair, &operation, 1, &out.candidate);
  NULLS(spook_is_settled, NULL, &canary.candidate, &out.flag);
  NULLS(spook_is_settled, pair, NULL, &out.flag);
  NULLS(spook_is_settled, pair, &canary.candidate, NULL);
}

static void of_guarded_writes(void) {
  spook_operation operation = spook_operation_of(SPOOK_SET, "/x", 2, spook_null());
  spook_guard guard = spook_guard_absent(NULL, 1);
  NULLS(spook_write, NULL, &operation, 1, NULL, 0, NULL, &out.candidate);
  NULLS(spook_write, pair, NULL, 1, NULL, 0, NULL, &out.candidate);
  NULLS(spook_write, pair, &operation, 1, NULL, 1, NULL, &out.candidate);
  NULLS(spook_write, pair, &operation, 1, &guard, 1, NULL, &out.candidate);
  guard = spook_guard_equals("/x", 2, spook_string(NULL, 1));
  NULLS(spook_write, pair, &operation, 1, &guard, 1, NULL, &out.candidate);
  NULLS(spook_read_fingerprint, NULL, "", 0, &out.fingerprint);
  NULLS(spook_read_fingerprint, pair, NULL, 1, &out.fingerprint);
  NULLS(spook_read_fingerprint, pair, "", 0, NULL);
  NULLS(spook_status, NULL, &canary.candidate, &out.status, &out.buf);
  NULLS(spook_status, pair, NULL, &out.status, &out.buf);
  NULLS(spook_status, pair, &canary.candidate, NULL, &out.buf);
  NULLS(spook_wait_committed, NULL, &canary.candidate, 0, &out.status, &out.buf);
  NULLS(spook_wait_committed, pair, NULL, 0, &out.status, &out.buf);
  NULLS(spook_wait_committed, pair, &canary.candidate, 0, NULL, &out.buf);
  NULLS(spook_revert, NULL, &canary.candidate, NULL, &out.candidate);
  NULLS(spook_revert, pair, NULL, NULL, &out.candidate);
}

static void ignore(void *user_data, const spook_event *event) {
  (void)user_data;
  (void)event;
}

static void of_observing(void) {
  NULLS(spook_observe, NULL, "", 0, NULL, ignore, NULL, NULL, &out.subscription);
  NULLS(spook_observe, pair, NULL, 1, NULL, ignore, NULL, NULL, &out.subscription);
  NULLS(spook_observe, pair, "", 0, NULL, NULL, NULL, NULL, &out.subscription);
  NULLS(spook_observe, pair, "", 0, NULL, ignore, NULL, NULL, NULL);
  NULLS(spook_observe_poll, NULL, "", 0, NULL, &out.subscription);
  NULLS(spook_observe_poll, pair, NULL, 1, NULL, &out.subscription);
  NULLS(spook_observe_poll, pair, "", 0, NULL, NULL);
  NULLS(spook_unobserve, NULL);
  NULLS(spook_subscription_next, NULL, 0, &out.event);
  NULLS(spook_subscription_next, subscription, 0, NULL);
  NULLS(spook_subscription_fd, NULL, &out.number);
  NULLS(spook_subscription_fd, subscription, NULL);
  NULLS(spook_event_json, NULL, &out.buf);
  NULLS(spook_event_json, &canary.event, NULL);
  NULLS(spook_event_cbor, NULL, &out.buf);
  NULLS(spook_event_cbor, &canary.event, NULL);
}

static void of_presence(void) {
  spook_value value = spook_string(NULL, 1);
  NULLS(spook_set_presence, NULL, "k", 1, NULL);
  NULLS(spook_set_presence, pair, NULL, 1, NULL);
  NULLS(spook_set_presence, pair, "k", 1, &value);
  NULLS(spook_presence_json, NULL, &out.buf);
  NULLS(spook_presence_json, pair, NULL);
  NULLS(spook_presence_cbor, NULL, &out.buf);
  NULLS(spook_presence_cbor, pair, NULL);
}

static int32_t decide(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  (void)user_data;
  result->value = call->candidates[0].value;
  return SPOOK_OK;
}

static void of_rules(void) {
  NULLS(spook_register_rule, NULL, "n", 1, NULL, decide, NULL, NULL);
  NULLS(spook_register_rule, engine, NULL, 1, NULL, decide, NULL, NULL);
  NULLS(spook_register_rule, engine, "n", 1, NULL, NULL, NULL, NULL);
}

static void of_what_is_freed(void) {
  spook_buf_free(NULL);
  spook_event_free(NULL);
  spook_error_free(NULL);
  EQUAL(SPOOK_E_NULL, spook_error_code(NULL));
  CHECK(strcmp(spook_error_name(NULL), "NULL") == 0);
  CHECK(strcmp(spook_error_fault(NULL), "caller") == 0);
  CHECK(spook_error_what(NULL)[0] != 0 && spook_error_advice(NULL)[0] != 0);
  EQUAL(SPOOK_E_NULL, spook_error_candidate(NULL, &out.candidate));
  CHECK(spook_error_detail(NULL)[0] == 0 && spook_error_text(NULL)[0] == 0);
}

static void other_failures_write_nothing_either(void) {
  spook_value value = spook_float64(1.0);
  REFUSED(SPOOK_E_NOT_FOUND, spook_read_state, pair, "/none", 5, &out.value, &out.content);
  REFUSED(SPOOK_E_NOT_FOUND, spook_read_state_json, pair, "/none", 5, &out.buf);
  REFUSED(SPOOK_E_NOT_FOUND, spook_read_state_cbor, pair, "/none", 5, &out.buf);
  REFUSED(SPOOK_E_POINTER, spook_write_state, pair, "none", 4, &value, &out.candidate);
  REFUSED(SPOOK_E_NOT_FOUND, spook_delete_state, pair, "/none", 5, &out.candidate);
  REFUSED(SPOOK_E_EXISTS, spook_create_pair, engine, "a", 1, NULL, NULL, &out.pair);
  REFUSED(SPOOK_E_NOT_FOUND, spook_open_pair, engine, "none", 4, 0, &out.pair);
  REFUSED(SPOOK_E_ADDRESS, spook_open, "tcp:127.0.0.1:1", 15, &out.engine);
  REFUSED(SPOOK_E_TIMEOUT, spook_subscription_next, subscription, 0, &out.event);
  REFUSED(SPOOK_E_POINTER, spook_observe_poll, pair, "none", 4, NULL, &out.subscription);
  REFUSED(SPOOK_E_POINTER, spook_observe, pair, "none", 4, NULL, ignore, NULL, NULL, &out.subscription);
}

static void lengths_that_cannot_be_are_refused(void) {
  REFUSED(SPOOK_E_INVALID, spook_read_state_json, pair, "/x", SIZE_MAX, &out.buf);
  REFUSED(SPOOK_E_INVALID, spook_write_state_cbor, pair, "/x", 2, (const uint8_t *)"", SIZE_MAX / 2 + 1, &out.candidate);
  spook_operation operation;
  memset(&operation, 0, sizeof operation);
  REFUSED(SPOOK_E_INVALID, spook_write_many, pair, &operation, SIZE_MAX / 8, &out.candidate);
}

static void an_error_place_is_left_alone_by_success(void) {
  spook_error *place = (spook_error *)&out;
  spook_id id;
  EQUAL(SPOOK_OK, spook_pair_id(pair, &id, &place));
  CHECK(place == (spook_error *)&out);
}

int main(void) {
  engine = new_engine();
  pair = new_pair(engine, "a");
  OK(spook_observe_poll, pair, NULL, 0, NULL, &subscription);
  static const test_case tests[] = {
      CASE(of_engines),
      CASE(of_pairs),
      CASE(of_the_state),
      CASE(of_guarded_writes),
      CASE(of_observing),
      CASE(of_presence),
      CASE(of_rules),
      CASE(of_what_is_freed),
      CASE(other_failures_write_nothing_either),
      CASE(lengths_that_cannot_be_are_refused),
      CASE(an_error_place_is_left_alone_by_success),
  };
  int result = RUN(tests);
  OK(spook_close, engine);
  return result;
}
