/* Calls in random order on handles of every age and kind: each ends with a code, none with a crash. The seeds are fixed. */
#include "check.h"

#define HANDLES 64
#define STEPS 100000

/* Handles that were given at some time, live or not; most are closed again before long. */
static void *handles[HANDLES];
static spook_event events[8];
static uint64_t random_state;

static uint32_t draw(uint32_t below) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(random_state >> 16) % below;
}

static void *any_handle(void) {
  return draw(40) == 0 ? NULL : handles[draw(HANDLES)];
}

static void keep_handle(void *handle) {
  handles[draw(HANDLES)] = handle;
}

/* At most a few engines live at a time, each with threads of its own. */
static void keep_engine(spook_engine *engine) {
  static spook_engine *engines[4];
  static unsigned next;
  spook_close(engines[next % 4], NULL);
  engines[next++ % 4] = engine;
  keep_handle(engine);
}

static const char *any_path(size_t *len) {
  static const char *const paths[] = {"", "/a", "/a/b", "/c", "/c/d/e", "no", "/\xff", "/~2"};
  const char *path = paths[draw(8)];
  *len = strlen(path);
  return path;
}

static spook_value any_value(void) {
  switch (draw(8)) {
    case 0: return spook_null();
    case 1: return spook_bool(true);
    case 2: return spook_float64(0.5);
    case 3: return spook_string("text", 4);
    case 4: return spook_bytes_value("\x00\xff", 2);
    case 5: return spook_json("{\"x\":[1]}", 9);
    case 6: return spook_value_of_kind(draw(14));
    default: return spook_int64(draw(100));
  }
}

static void ignore(void *user_data, const spook_event *event) {
  spook_buf json = spook_buf_init();
  (void)user_data;
  spook_event_json(event, &json, NULL);
  spook_buf_free(&json);
}

static int32_t open_something(spook_error **error) {
  size_t len = 0;
  const char *path = any_path(&len);
  spook_engine *engine = NULL;
  spook_pair *pair = NULL;
  spook_subscription *subscription = NULL;
  spook_engine_options options = spook_engine_options_init();
  int32_t code = SPOOK_OK;
  char name[2] = {(char)('a' + draw(4)), 0};
  options.listen = SPOOK_LISTEN_ADDRESSES;
  switch (draw(12)) {
    case 0:
      if (draw(20) == 0) code = spook_open_with(&options, &engine, error);
      if (engine != NULL) keep_engine(engine);
      break;
    case 1:
    case 2: code = spook_create_pair((spook_engine *)any_handle(), name, 1, NULL, NULL, &pair, error); break;
    case 3:
    case 4:
    case 5:
    case 6: code = spook_open_pair((spook_engine *)any_handle(), name, 1, 0, &pair, error); break;
    case 7: code = spook_observe((spook_pair *)any_handle(), path, len, NULL, ignore, NULL, NULL, &subscription, error); break;
    default: code = spook_observe_poll((spook_pair *)any_handle(), path, len, NULL, &subscription, error); break;
  }
  if (pair != NULL) keep_handle(pair);
  if (subscription != NULL) keep_handle(subscription);
  return code;
}

static int32_t close_something(spook_error **error) {
  spook_event *event = &events[draw(8)];
  switch (draw(24)) {
    case 0: return draw(6) == 0 ? spook_close((spook_engine *)any_handle(), error) : SPOOK_OK;
    case 1: return spook_pair_close((spook_pair *)any_handle(), error);
    case 2: return spook_unobserve((spook_subscription *)any_handle(), error);
    case 3: spook_error_free((spook_error *)any_handle()); return SPOOK_OK;
    default: spook_event_free(event); return SPOOK_OK;
  }
}

static int32_t read_something(spook_error **error) {
  size_t len = 0;
  const char *path = any_path(&len);
  spook_pair *pair = (spook_pair *)any_handle();
  spook_value value;
  spook_id id;
  spook_lifecycle lifecycle;
  spook_buf buf = spook_buf_init();
  spook_collapse_result result = spook_collapse_result_init();
  int32_t code = SPOOK_OK;
  int32_t fd = -1;
  spook_clock clock = spook_clock_init();
  switch (draw(20)) {
    case 0: code = spook_read_state(pair, path, len, &value, &buf, error); break;
    case 1: code = spook_read_state_json(pair, path, len, &buf, error); break;
    case 2: code = spook_read_state_cbor(pair, path, len, &buf, error); break;
    case 3: code = spook_pair_id(pair, &id, error); break;
    case 4: code = spook_pair_name(pair, &buf, error); break;
    case 5: code = spook_pair_lifecycle(pair, &lifecycle, error); break;
    case 6: code = spook_collapse(pair, NULL, &result, error); break;
    case 7: code = spook_subscription_fd((spook_subscription *)pair, &fd, error); break;
    case 8: code = spook_pairs((spook_engine *)pair, &buf, error); break;
    case 9: code = spook_read_committed(pair, path, len, &value, &buf, error); break;
    case 10: code = spook_read_tentative_json(pair, path, len, &buf, error); break;
    case 11: code = spook_conflicts_json(pair, path, len, &buf, error); break;
    case 12: code = spook_collapse_cbor(pair, NULL, &buf, error); break;
    case 13: code = spook_presence_json(pair, &buf, error); break;
    case 14: code = spook_pair_clock(pair, &clock, error); break;
    case 15: code = spook_pair_schema(pair, &buf, error); break;
    default: code = spook_event_json(&events[draw(8)], &buf, error); break;
  }
  spook_buf_free(&buf);
  return code;
}

static int32_t write_something(spook_error **error) {
  size_t len = 0;
  const char *path = any_path(&len);
  spook_pair *pair = (spook_pair *)any_handle();
  spook_value value = any_value();
  spook_operation operations[2];
  for (int i = 0; i < 2; i++) {
    memset(&operations[i], 0, sizeof operations[i]);
    operations[i].action = draw(7);
    operations[i].path.data = any_path(&operations[i].path.len);
    operations[i].value = any_value();
  }
  spook_guard guards[2];
  spook_candidate candidate;
  spook_write_status status = spook_write_status_init();
  for (int i = 0; i < 2; i++) {
    guards[i] = spook_guard_range(operations[i].path.data, operations[i].path.len, any_value(), any_value());
    guards[i].expect = draw(6);
  }
  memset(&candidate, (int)draw(3), sizeof candidate);
  switch (draw(11)) {
    case 6: return spook_write(pair, operations, draw(3), guards, draw(3), NULL, NULL, error);
    case 7: return spook_status(pair, &candidate, &status, NULL, error);
    case 8: return spook_revert(pair, &candidate, NULL, NULL, error);
    case 5: return spook_set_presence(pair, path, len, draw(2) ? &value : NULL, error);
    case 0: return spook_write_many(pair, operations, draw(3), NULL, error);
    case 1: return spook_delete_state(pair, path, len, NULL, error);
    case 2: return spook_write_state_json(pair, path, len, "[1,{\"a\":2}", 9 + draw(2), NULL, error);
    default: return spook_write_state(pair, path, len, &value, NULL, error);
  }
}

static int32_t take_an_event(spook_error **error) {
  spook_event event = spook_event_init();
  int32_t code = spook_subscription_next((spook_subscription *)any_handle(), 0, &event, error);
  if (code == SPOOK_OK) {
    uint32_t place = draw(8);
    spook_event_free(&events[place]);
    events[place] = event;
  }
  return code;
}

static void run_with(uint64_t seed) {
  int good = 0;
  random_state = seed;
  keep_engine(new_engine());
  for (int i = 0; i < STEPS; i++) {
    spook_error *error = NULL;
    int32_t code = 0;
    switch (draw(5)) {
      case 0: code = open_something(&error); break;
      case 1: code = close_something(&error); break;
      case 2: code = read_something(&error); break;
      case 3: code = write_something(&error); break;
      default: code = take_an_event(&error); break;
    }
    CHECK(code != SPOOK_E_PANIC && code <= SPOOK_OK && strcmp(spook_code_name(code), "unknown") != 0);
    CHECK((error != NULL) == (code != SPOOK_OK));
    if (error != NULL) EQUAL(code, spook_error_code(error));
    if (draw(8) == 0 && error != NULL) {
      keep_handle(error);
    }
    spook_error_free(error);
    good += code == SPOOK_OK;
    if (draw(2000) == 0) keep_engine(new_engine());
  }
  CHECK(good > STEPS / 10);
  for (int i = 0; i < 4; i++) keep_engine(NULL);
  for (int i = 0; i < 8; i++) spook_event_free(&events[i]);
}

static void random_calls_end_with_a_code(void) {
  static const uint64_t seeds[] = {88172645463325252u, 1, 0xdeadbeefcafe, 42};
  for (int i = 0; i < 4; i++) run_with(seeds[i]);
}

int main(void) {
  static const test_case tests[] = {CASE(random_calls_end_with_a_code)};
  return RUN(tests);
}
