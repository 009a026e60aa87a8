/* Every function on every thread at every time, on the same handles, too. */
#include "collector.h"

#define THREADS 8

static spook_engine *engine;
static spook_pair *pair;

static void together(void *(*work)(void *)) {
  pthread_t threads[THREADS];
  for (intptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, (void *)i);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static void *read_and_write(void *argument) {
  char path[16];
  snprintf(path, sizeof path, "/t%d", (int)(intptr_t)argument);
  for (int i = 0; i < 2000; i++) {
    write_int(pair, path, i);
    EQUAL(i, read_int(pair, path));
  }
  return NULL;
}

static void one_handle_on_many_threads(void) {
  together(read_and_write);
}

static void *open_and_close(void *argument) {
  (void)argument;
  for (int i = 0; i < 500; i++) {
    spook_pair *own = NULL;
    spook_subscription *subscription = NULL;
    OK(spook_open_pair, engine, "shared", 6, 0, &own);
    OK(spook_observe_poll, own, "", 0, NULL, &subscription);
    write_int(own, "/o", i);
    if (i % 2) OK(spook_unobserve, subscription);
    OK(spook_pair_close, own);
  }
  return NULL;
}

static void handles_are_made_and_closed_on_many_threads(void) {
  together(open_and_close);
}

/* Each handle is closed by every thread: exactly one succeeds. */
static spook_pair *contested[1000];
static int closed[THREADS];

static void *close_all(void *argument) {
  int count = 0;
  for (int i = 0; i < 1000; i++) {
    int32_t code = spook_pair_close(contested[i], NULL);
    CHECK(code == SPOOK_OK || code == SPOOK_E_CLOSED);
    count += code == SPOOK_OK;
  }
  closed[(intptr_t)argument] = count;
  return NULL;
}

static void a_handle_is_closed_once(void) {
  int sum = 0;
  for (int i = 0; i < 1000; i++) OK(spook_open_pair, engine, "shared", 6, 0, &contested[i]);
  together(close_all);
  for (int i = 0; i < THREADS; i++) sum += closed[i];
  EQUAL(1000, sum);
}

/* Calls that run while their engine closes end with SPOOK_OK or SPOOK_E_CLOSED. */
static spook_engine *doomed_engine;
static spook_pair *doomed_pair;

static void *use_what_closes(void *argument) {
  (void)argument;
  for (;;) {
    spook_value value = spook_int64(1);
    spook_buf json = spook_buf_init();
    int32_t code = spook_write_state(doomed_pair, "/x", 2, &value, NULL, NULL);
    if (code == SPOOK_OK) code = spook_read_state_json(doomed_pair, "", 0, &json, NULL);
    spook_buf_free(&json);
    CHECK(code == SPOOK_OK || code == SPOOK_E_CLOSED);
    if (code == SPOOK_E_CLOSED) return NULL;
  }
}

static void an_engine_closes_under_use(void) {
  for (int round = 0; round < 20; round++) {
    pthread_t threads[THREADS];
    collector observer;
    doomed_engine = new_engine();
    doomed_pair = new_pair(doomed_engine, "a");
    collector_init(&observer, doomed_pair);
    observed_by(&observer, "", NULL);
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, use_what_closes, NULL);
    wait_for(&observer, &observer.calls, 1);
    OK(spook_close, doomed_engine);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    EQUAL(1, number_of(&observer, &observer.drops));
    collector_destroy(&observer);
  }
}

/* Observers come and go while others write. */
static volatile int is_over;

static void *keep_writing(void *argument) {
  for (int i = 0; !is_over; i++) write_int(pair, "/w", i + (int)(intptr_t)argument);
  return NULL;
}

static void observers_come_and_go_while_others_write(void) {
  pthread_t writers[2];
  for (intptr_t i = 0; i < 2; i++) pthread_create(&writers[i], NULL, keep_writing, (void *)i);
  for (int i = 0; i < 300; i++) {
    collector observer;
    collector_init(&observer, pair);
    spook_subscription *subscription = observed_by(&observer, "/w", NULL);
    if (i % 3 == 0) wait_for(&observer, &observer.calls, 1);
    OK(spook_unobserve, subscription);
    EQUAL(1, observer.drops);
    collector_destroy(&observer);
  }
  is_over = 1;
  for (int i = 0; i < 2; i++) pthread_join(writers[i], NULL);
}

static void *make_errors(void *argument) {
  (void)argument;
  for (int i = 0; i < 2000; i++) {
    spook_error *error = NULL;
    spook_buf json = spook_buf_init();
    EQUAL(SPOOK_E_NOT_FOUND, spook_read_state_json(pair, "/nowhere", 8, &json, &error));
    CHECK(strstr(spook_error_detail(error), "/nowhere") != NULL);
    spook_error_free(error);
  }
  return NULL;
}

static void errors_belong_to_no_thread(void) {
  together(make_errors);
}

int main(void) {
  engine = new_engine();
  pair = new_pair(engine, "shared");
  static const test_case tests[] = {
      CASE(one_handle_on_many_threads),
      CASE(handles_are_made_and_closed_on_many_threads),
      CASE(a_handle_is_closed_once),
      CASE(an_engine_closes_under_use),
      CASE(observers_come_and_go_while_others_write),
      CASE(errors_belong_to_no_thread),
  };
  int result = RUN(tests);
  OK(spook_close, engine);
  return result;
}
