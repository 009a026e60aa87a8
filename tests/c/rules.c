/* Rules of the application: they decide, fail, are missing, take too long, call back. The numbers are those in spook.h. */
#include "linked.h"

static const char SCHEMA[] = "{\"rules\":{\"/best\":\"custom:best\"}}";

/* Counts what happens to the user data of a rule. */
typedef struct {
  int calls, drops;
  int32_t seen; /* The code of a call that the rule made. */
} counter;

static void count(int *number) {
  __atomic_add_fetch(number, 1, __ATOMIC_SEQ_CST);
}

static void dropped(void *user_data) {
  count(&((counter *)user_data)->drops);
}

static spook_text literal(const char *text) {
  spook_text out = {text, strlen(text)};
  return out;
}

/* The longest text, as it came. */
static int32_t longest(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  count(&((counter *)user_data)->calls);
  CHECK(call->struct_size >= sizeof *call && result->struct_size >= sizeof *result);
  CHECK(call->kind == SPOOK_RULE_FUNCTION && call->state.kind == SPOOK_NONE);
  CHECK(text_is(call->path, "/best") && call->candidate_count == 2);
  CHECK(call->candidates[0].number > 0 && call->candidates[0].stamp < call->candidates[1].stamp);
  CHECK(memcmp(&call->candidates[0].author, &call->candidates[1].author, sizeof(spook_id)) != 0);
  for (size_t i = 0; i < call->candidate_count; i++) {
    spook_value value = call->candidates[i].value;
    EQUAL(SPOOK_STRING, value.kind);
    if (result->value.kind == SPOOK_NONE || value.as.text.len > result->value.as.text.len) result->value = value;
  }
  return SPOOK_OK;
}

static int32_t cannot(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  (void)call;
  count(&((counter *)user_data)->calls);
  result->value = spook_int64(1);
  result->why = literal("these do not compare");
  return -1;
}

/* Writes its result into the memory that it is given: the trees one behind the other. */
static int32_t joined(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  size_t len = 0;
  char *out = (char *)result->data;
  (void)user_data;
  CHECK(result->capacity == 200);
  out[len++] = '[';
  for (size_t i = 0; i < call->candidate_count; i++) {
    spook_value value = call->candidates[i].value;
    EQUAL(SPOOK_JSON, value.kind);
    if (i > 0) out[len++] = ',';
    memcpy(out + len, value.as.text.data, value.as.text.len);
    len += value.as.text.len;
  }
  out[len++] = ']';
  result->value = spook_json(out, len);
  return SPOOK_OK;
}

/* The tree that has more bytes, as CBOR. */
static int32_t bulkier(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  (void)user_data;
  for (size_t i = 0; i < call->candidate_count; i++) {
    spook_value value = call->candidates[i].value;
    EQUAL(SPOOK_CBOR, value.kind);
    EQUAL(0x80, value.as.bytes.data[0] & 0xe0);
    if (result->value.kind == SPOOK_NONE || value.as.bytes.len > result->value.as.bytes.len) result->value = value;
  }
  return SPOOK_OK;
}

static counter used;

static void with_longest(spook_engine *engine) {
  OK(spook_register_rule, engine, "best", 4, NULL, longest, &used, dropped);
}

static void with_cannot(spook_engine *engine) {
  OK(spook_register_rule, engine, "best", 4, NULL, cannot, &used, dropped);
}

static void with_joined(spook_engine *engine) {
  spook_rule_options options = spook_rule_options_init();
  options.bytes = 200;
  OK(spook_register_rule, engine, "best", 4, &options, joined, NULL, NULL);
}

static void with_bulkier(spook_engine *engine) {
  spook_rule_options options = spook_rule_options_init();
  options.trees = SPOOK_TREES_CBOR;
  OK(spook_register_rule, engine, "best", 4, &options, bulkier, NULL, NULL);
}

static void a_rule_decides_alike_at_both_halves(void) {
  halves both;
  memset(&used, 0, sizeof used);
  halves_begin(&both, SCHEMA, with_longest);
  halves_write_apart(&both, "/best", "\"long enough\"", "\"short\"");
  reads(both.first, "/best", "\"long enough\"");
  reads(both.second, "/best", "\"long enough\"");
  CHECK(used.calls >= 2);
  spook_buf json = spook_buf_init();
  OK(spook_collapse_json, both.first, NULL, &json);
  spook_buf_free(&json);
  halves_end(&both);
  EQUAL(4, used.drops); /* Each half was opened twice. */
}

static void results_are_written_into_the_memory_given(void) {
  halves both;
  halves_begin(&both, SCHEMA, with_joined);
  halves_write_apart(&both, "/best", "[1,{\"a\":2}]", "[3]");
  spook_buf here = spook_buf_init(), there = spook_buf_init();
  OK(spook_read_state_json, both.first, "/best", 5, &here);
  OK(spook_read_state_json, both.second, "/best", 5, &there);
  CHECK(buf_is(&here, there.data, there.len));
  CHECK(holds(&here, "[1,{\"a\":2}]") && holds(&here, "[3]") && here.data[1] == '[');
  spook_buf_free(&here);
  spook_buf_free(&there);
  halves_end(&both);
}

static void trees_come_as_cbor_if_asked_for(void) {
  halves both;
  halves_begin(&both, SCHEMA, with_bulkier);
  halves_write_apart(&both, "/best", "[1]", "[1,2,3]");
  reads(both.first, "/best", "[1,2,3]");
  reads(both.second, "/best", "[1,2,3]");
  halves_end(&both);
}

static void conflict_says(spook_pair *pair, const char *why) {
  spook_buf json = spook_buf_init();
  OK(spook_conflicts_json, pair, "", 0, &json);
  if (!holds(&json, "\"path\":\"/best\"") || !holds(&json, why)) fail(__FILE__, __LINE__, (const char *)json.data, 0);
  CHECK(holds(&json, "\"value\":\"home\"") && holds(&json, "\"value\":\"phone\""));
  CHECK(holds(&json, "\"author\":\"") && holds(&json, "\"number\":") && holds(&json, "\"stamp\":") && holds(&json, "\"committed\":true"));
  spook_buf_free(&json);
  OK(spook_conflicts_cbor, pair, "/best", 5, &json);
  EQUAL(0x81, json.data[0]);
  spook_buf_free(&json);
  OK(spook_conflicts_json, pair, "/other", 6, &json);
  CHECK(buf_is(&json, "[]", 2));
  spook_buf_free(&json);
}

/* 4: what waits for the rule stays superposed, is listed, and told once. */
static void a_rule_that_fails_leaves_the_conflict(void) {
  halves both;
  memset(&used, 0, sizeof used);
  halves_begin(&both, SCHEMA, with_cannot);
  halves_write_apart(&both, "/best", "\"home\"", "\"phone\"");
  conflict_says(both.first, "\"failure\":\"the rule failed: these do not compare\"");
  reads(both.first, "/best", "\"home\"");
  write_int(both.first, "/other", 1); /* All else goes on. */
  settle(both.first);
  EQUAL(1, read_int(both.second, "/other"));
  halves_end(&both);
  EQUAL(4, used.drops);
}

static void a_missing_rule_is_told_and_decides_once_it_comes(void) {
  halves both;
  memset(&used, 0, sizeof used);
  halves_begin(&both, SCHEMA, NULL);
  halves_write_apart(&both, "/best", "\"home\"", "\"phone\"");
  spook_observe_options options = spook_observe_options_init();
  spook_subscription *subscription = NULL, *other = NULL, *quiet = NULL;
  spook_event event = spook_event_init();
  options.events = 1;
  OK(spook_observe_poll, both.second, "/best", 5, &options, &subscription);
  OK(spook_observe_poll, both.second, "/other", 6, &options, &other);
  OK(spook_observe_poll, both.second, "", 0, NULL, &quiet);
  conflict_says(both.second, "\"failure\":\"no rule of that name is registered\"");
  with_longest(both.home);
  with_longest(both.phone);
  next_of_kind(subscription, SPOOK_EVENT_CHANGED, &event);
  reads(both.second, "/best", "\"phone\"");
  reads(both.first, "/best", "\"phone\"");
  spook_event_free(&event);
  FAILS(SPOOK_E_TIMEOUT, spook_subscription_next, other, 0, &event);
  OK(spook_subscription_next, quiet, 60000, &event);
  EQUAL(SPOOK_EVENT_CHANGED, event.kind);
  spook_event_free(&event);
  halves_end(&both);
}

/* 3: inside a rule nothing may be called. */
static spook_engine *called_engine;
static spook_pair *called_pair;

static int32_t calls_back(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  counter *self = (counter *)user_data;
  spook_buf json = spook_buf_init();
  spook_value value = spook_int64(1);
  spook_engine *engine = NULL;
  FAILS(SPOOK_E_REENTRANT, spook_read_state_json, called_pair, "", 0, &json);
  FAILS(SPOOK_E_REENTRANT, spook_write_state, called_pair, "/x", 2, &value, NULL);
  FAILS(SPOOK_E_REENTRANT, spook_collapse_json, called_pair, NULL, &json);
  FAILS(SPOOK_E_REENTRANT, spook_pair_close, called_pair);
  FAILS(SPOOK_E_REENTRANT, spook_close, called_engine);
  FAILS(SPOOK_E_REENTRANT, spook_open, "", 0, &engine);
  CHECK(json.data == NULL && engine == NULL);
  result->value = call->candidates[0].value;
  self->seen = SPOOK_E_REENTRANT;
  return SPOOK_OK;
}

static void a_rule_may_call_nothing(void) {
  halves both;
  memset(&used, 0, sizeof used);
  halves_begin(&both, SCHEMA, NULL);
  halves_write_apart(&both, "/best", "\"home\"", "\"phone\"");
  called_engine = both.home;
  called_pair = both.first;
  OK(spook_register_rule, both.home, "best", 4, NULL, calls_back, &used, dropped);
  reads(both.first, "/best", "\"phone\"");
  EQUAL(SPOOK_E_REENTRANT, used.seen);
  write_int(both.first, "/other", 1); /* Nothing was closed by it. */
  halves_end(&both);
  EQUAL(1, used.drops);
}

/* Limits of time and of size. */
static int32_t sleeps(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  (void)call;
  count(&((counter *)user_data)->calls);
  sleep_ms(500);
  result->value = spook_int64(1);
  return SPOOK_OK;
}

static int32_t gives_too_much(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  static const char text[] = "more than eight bytes";
  (void)user_data;
  (void)call;
  EQUAL(8, result->capacity);
  result->value = spook_string(text, sizeof text - 1);
  return SPOOK_OK;
}

static void a_rule_has_limits(void) {
  halves both;
  spook_rule_options options = spook_rule_options_init();
  memset(&used, 0, sizeof used);
  halves_begin(&both, SCHEMA, NULL);
  halves_write_apart(&both, "/best", "\"home\"", "\"phone\"");
  options.time_ms = 1;
  OK(spook_register_rule, both.home, "best", 4, &options, sleeps, &used, dropped);
  options = spook_rule_options_init();
  options.bytes = 8;
  OK(spook_register_rule, both.phone, "best", 4, &options, gives_too_much, &used, dropped);
  conflict_says(both.first, "exceeded its limit: it took longer than 1ms");
  conflict_says(both.second, "exceeded its limit: it gave");
  halves_end(&both);
  while (__atomic_load_n(&used.drops, __ATOMIC_SEQ_CST) < 2) sleep_ms(5); /* When the call that goes on has returned. */
}

/* Results that are none. */
static int32_t gives_nothing(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  (void)user_data;
  (void)call;
  (void)result;
  return SPOOK_OK;
}

static int32_t gives_nan(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  (void)user_data;
  (void)call;
  result->value = spook_json("{", 1);
  return SPOOK_OK;
}

static int32_t rejects(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  (void)user_data;
  (void)call;
  result->why = literal("never");
  return SPOOK_RULE_REJECT;
}

static int32_t returns_a_number(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  (void)user_data;
  (void)call;
  (void)result;
  return 77;
}

static int32_t says_no_text(void *user_data, const spook_rule_call *call, spook_rule_result *result) {
  (void)user_data;
  (void)call;
  result->why.data = "\xff";
  result->why.len = 1;
  return -1;
}

static void results_that_are_none_are_failures(void) {
  static const struct {
    spook_rule_fn rule;
    const char *why;
  } cases[] = {
      {gives_nothing, "without a value"}, {gives_nan, "its result is not one"}, {rejects, "which is for transitions"},
      {returns_a_number, "it returned 77"}, {says_no_text, "its result is not one: result.why"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    halves both;
    halves_begin(&both, SCHEMA, NULL);
    halves_write_apart(&both, "/best", "\"home\"", "\"phone\"");
    OK(spook_register_rule, both.home, "best", 4, NULL, cases[i].rule, NULL, NULL);
    conflict_says(both.first, cases[i].why);
    halves_end(&both);
  }
}

/* 5: each failure gives the user data back before it returns, once. */
static void what_cannot_be_registered_is_refused_and_dropped(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair(engine, "a");
  spook_rule_options options = spook_rule_options_init();
  counter self;
  int drops = 0;
  memset(&self, 0, sizeof self);
#define REFUSED(expected, ...)                                                  \
  do {                                                                          \
    FAILS(expected, spook_register_rule, __VA_ARGS__, &self, dropped);          \
    EQUAL(drops += 2, self.drops);                                              \
  } while (0)
  REFUSED(SPOOK_E_NULL, NULL, "best", 4, NULL, longest);
  REFUSED(SPOOK_E_NULL, engine, NULL, 4, NULL, longest);
  REFUSED(SPOOK_E_NULL, engine, "best", 4, NULL, NULL);
  REFUSED(SPOOK_E_CLOSED, (spook_engine *)pair, "best", 4, NULL, longest);
  REFUSED(SPOOK_E_UTF8, engine, "\xff", 1, NULL, longest);
  REFUSED(SPOOK_E_RULE, engine, "", 0, NULL, longest);
  REFUSED(SPOOK_E_RULE, engine, "a b", 3, NULL, longest);
  options.kind = 2;
  REFUSED(SPOOK_E_INVALID, engine, "best", 4, &options, longest);
  options.kind = SPOOK_RULE_TRANSITION;
  options.trees = 2;
  REFUSED(SPOOK_E_INVALID, engine, "best", 4, &options, longest);
  options.trees = SPOOK_TREES_CBOR;
  options.struct_size = 5;
  REFUSED(SPOOK_E_INVALID, engine, "best", 4, &options, longest);
  OK(spook_register_rule, engine, "best", 4, NULL, longest, &self, dropped);
  REFUSED(SPOOK_E_RULE, engine, "best", 4, NULL, longest);
#undef REFUSED
  OK(spook_close, engine);
  EQUAL(drops + 1, self.drops);
  EQUAL(0, self.calls);
}

int main(void) {
  static const test_case tests[] = {
      CASE(a_rule_decides_alike_at_both_halves),
      CASE(results_are_written_into_the_memory_given),
      CASE(trees_come_as_cbor_if_asked_for),
      CASE(a_rule_that_fails_leaves_the_conflict),
      CASE(a_missing_rule_is_told_and_decides_once_it_comes),
      CASE(a_rule_may_call_nothing),
      CASE(a_rule_has_limits),
      CASE(results_that_are_none_are_failures),
      CASE(what_cannot_be_registered_is_refused_and_dropped),
  };
  return RUN(tests);
}
