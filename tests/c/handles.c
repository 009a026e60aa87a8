/* Handles that are closed, forged or of another kind; who closes what. */
#include "check.h"

/* Calls one function of each group through what is given as a handle. */
static void everything_gives(int32_t code, void *handle) {
  spook_engine *engine = (spook_engine *)handle;
  spook_pair *pair = (spook_pair *)handle;
  spook_subscription *subscription = (spook_subscription *)handle;
  spook_id id;
  spook_buf buf = spook_buf_init();
  spook_event event = spook_event_init();
  int32_t fd = -1;
  FAILS(code, spook_endpoint_id, engine, &id);
  FAILS(code, spook_pair_id, pair, &id);
  FAILS(code, spook_read_state_json, pair, NULL, 0, &buf);
  FAILS(code, spook_subscription_next, subscription, 0, &event);
  FAILS(code, spook_subscription_fd, subscription, &fd);
  FAILS(code, spook_close, engine);
  FAILS(code, spook_pair_close, pair);
  FAILS(code, spook_unobserve, subscription);
}

static void closed_handles(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair(engine, "a");
  spook_subscription *subscription = NULL;
  OK(spook_observe_poll, pair, NULL, 0, NULL, &subscription);
  OK(spook_unobserve, subscription);
  OK(spook_pair_close, pair);
  OK(spook_close, engine);
  everything_gives(SPOOK_E_CLOSED, subscription);
  everything_gives(SPOOK_E_CLOSED, pair);
  everything_gives(SPOOK_E_CLOSED, engine);
}

static void forged_handles(void) {
  spook_engine *engine = new_engine();
  uintptr_t token = (uintptr_t)engine;
  int local = 0;
  static const uintptr_t numbers[] = {1, 2, 3, 8, 4096, 0xdeadbeef, UINTPTR_MAX, UINTPTR_MAX - 1, UINTPTR_MAX / 2};
  everything_gives(SPOOK_E_CLOSED, &local);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) everything_gives(SPOOK_E_CLOSED, (void *)numbers[i]);
  for (unsigned bit = 0; bit < sizeof token * 8; bit++) everything_gives(SPOOK_E_CLOSED, (void *)(token ^ (uintptr_t)1 << bit));
  uint64_t random = 88172645463325252u;
  for (int i = 0; i < 10000; i++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    spook_id id;
    EQUAL(SPOOK_E_CLOSED, spook_pair_id((spook_pair *)(uintptr_t)random, &id, NULL));
  }
  OK(spook_close, engine);
}

static void handles_of_another_kind(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair(engine, "a");
  spook_subscription *subscription = NULL;
  spook_error *error = NULL;
  spook_id id;
  OK(spook_observe_poll, pair, NULL, 0, NULL, &subscription);
  EQUAL(SPOOK_E_NULL, spook_pair_id(pair, NULL, &error));
  FAILS(SPOOK_E_CLOSED, spook_pair_id, (spook_pair *)engine, &id);
  FAILS(SPOOK_E_CLOSED, spook_pair_close, (spook_pair *)engine);
  FAILS(SPOOK_E_CLOSED, spook_pair_close, (spook_pair *)subscription);
  FAILS(SPOOK_E_CLOSED, spook_close, (spook_engine *)pair);
  FAILS(SPOOK_E_CLOSED, spook_unobserve, (spook_subscription *)pair);
  FAILS(SPOOK_E_CLOSED, spook_unobserve, (spook_subscription *)error);
  EQUAL(SPOOK_E_CLOSED, spook_error_code((spook_error *)pair));
  spook_error_free((spook_error *)pair);
  /* Nothing was closed by that. */
  OK(spook_pair_id, pair, &id);
  EQUAL(SPOOK_E_NULL, spook_error_code(error));
  spook_error_free(error);
  OK(spook_unobserve, subscription);
  OK(spook_pair_close, pair);
  OK(spook_close, engine);
}

static void closing_an_engine_closes_what_it_made(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair(engine, "a");
  spook_subscription *subscription = NULL;
  OK(spook_observe_poll, pair, NULL, 0, NULL, &subscription);
  OK(spook_close, engine);
  everything_gives(SPOOK_E_CLOSED, pair);
  everything_gives(SPOOK_E_CLOSED, subscription);
}

static void closing_a_pair_closes_its_subscriptions_only(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair(engine, "a");
  spook_pair *again = NULL;
  spook_subscription *first = NULL, *second = NULL;
  spook_event event = spook_event_init();
  OK(spook_open_pair, engine, "a", 1, 0, &again);
  OK(spook_observe_poll, pair, NULL, 0, NULL, &first);
  OK(spook_observe_poll, again, NULL, 0, NULL, &second);
  OK(spook_pair_close, pair);
  FAILS(SPOOK_E_CLOSED, spook_subscription_next, first, 0, &event);
  write_int(again, "/x", 1);
  OK(spook_subscription_next, second, 60000, &event);
  spook_event_free(&event);
  OK(spook_close, engine);
}

static void a_pair_is_opened_again_by_its_name(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair(engine, "home");
  spook_pair *again = NULL;
  spook_buf text = spook_buf_init();
  write_int(pair, "/x", 3);
  OK(spook_pair_close, pair);
  FAILS(SPOOK_E_EXISTS, spook_create_pair, engine, "home", 4, NULL, NULL, &again);
  FAILS(SPOOK_E_NOT_FOUND, spook_open_pair, engine, "office", 6, 0, &again);
  OK(spook_open_pair, engine, "home", 4, -1, &again);
  EQUAL(3, read_int(again, "/x"));
  OK(spook_pair_name, again, &text);
  CHECK(buf_is(&text, "home", 4));
  spook_buf_free(&text);
  OK(spook_pairs, engine, &text);
  CHECK(buf_is(&text, "[\"home\"]", 8));
  spook_buf_free(&text);
  OK(spook_close, engine);
}

static void handles_come_and_go_without_end(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair(engine, "a");
  for (int i = 0; i < 100000; i++) {
    spook_pair *again = NULL;
    EQUAL(SPOOK_OK, spook_open_pair(engine, "a", 1, 0, &again, NULL));
    CHECK(again != pair);
    EQUAL(SPOOK_OK, spook_pair_close(again, NULL));
    EQUAL(SPOOK_E_CLOSED, spook_pair_close(again, NULL));
  }
  OK(spook_close, engine);
}

static void freed_things_are_freed_once(void) {
  spook_engine *engine = new_engine();
  spook_error *error = NULL;
  spook_buf buf = spook_buf_init();
  spook_buf_free(&buf);
  OK(spook_pairs, engine, &buf);
  spook_buf_free(&buf);
  CHECK(buf.data == NULL && buf.len == 0);
  spook_buf_free(&buf);
  spook_buf_free(NULL);
  EQUAL(SPOOK_E_NULL, spook_pairs(engine, NULL, &error));
  spook_error_free(error);
  EQUAL(SPOOK_E_CLOSED, spook_error_code(error));
  CHECK(strcmp(spook_error_detail(error), "") == 0);
  spook_error_free(error);
  spook_error_free(NULL);
  spook_event_free(NULL);
  OK(spook_close, engine);
}

int main(void) {
  static const test_case tests[] = {
      CASE(closed_handles),
      CASE(forged_handles),
      CASE(handles_of_another_kind),
      CASE(closing_an_engine_closes_what_it_made),
      CASE(closing_a_pair_closes_its_subscriptions_only),
      CASE(a_pair_is_opened_again_by_its_name),
      CASE(handles_come_and_go_without_end),
      CASE(freed_things_are_freed_once),
  };
  return RUN(tests);
}
