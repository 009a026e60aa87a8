/* A forced panic, through a library that is built like the shipped one but for one function more. */
#include "collector.h"

#ifdef __cplusplus
extern "C"
#endif
int32_t spook_test_panic(spook_engine *engine, spook_error **error);

static void a_panic_is_a_code_and_stops_its_engine(void) {
  spook_engine *engine = new_engine(), *other = new_engine();
  spook_pair *pair = new_pair(engine, "a");
  spook_pair *second = NULL;
  spook_subscription *subscription = NULL;
  spook_buf buf = spook_buf_init();
  spook_value value = spook_int64(1);
  spook_error *error = NULL;
  collector observer;
  collector_init(&observer, pair);
  observed_by(&observer, "", NULL);
  EQUAL(SPOOK_E_PANIC, spook_test_panic(engine, &error));
  CHECK(strstr(spook_error_detail(error), "forced by spook_test_panic") != NULL);
  CHECK(strcmp(spook_error_fault(error), "bug") == 0);
  spook_error_free(error);
  /* So does every later call on that engine, with the reason of the first. */
  EQUAL(SPOOK_E_PANIC, spook_pairs(engine, &buf, &error));
  CHECK(strstr(spook_error_detail(error), "forced by spook_test_panic") != NULL);
  spook_error_free(error);
  FAILS(SPOOK_E_PANIC, spook_create_pair, engine, "b", 1, NULL, NULL, &second);
  FAILS(SPOOK_E_PANIC, spook_open_pair, engine, "a", 1, 0, &second);
  FAILS(SPOOK_E_PANIC, spook_write_state, pair, "/x", 2, &value, NULL);
  FAILS(SPOOK_E_PANIC, spook_read_state_json, pair, "", 0, &buf);
  FAILS(SPOOK_E_PANIC, spook_observe_poll, pair, "", 0, NULL, &subscription);
  /* Another engine goes on. */
  write_int(new_pair(other, "a"), "/x", 1);
  OK(spook_close, other);
  /* Its handles are closed as ever. */
  OK(spook_pair_close, pair);
  EQUAL(1, observer.drops);
  OK(spook_close, engine);
  FAILS(SPOOK_E_CLOSED, spook_close, engine);
}

int main(void) {
  static const test_case tests[] = {CASE(a_panic_is_a_code_and_stops_its_engine)};
  return RUN(tests);
}
