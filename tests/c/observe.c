/* The contract of observers, sentence by sentence: the numbers are those in spook.h. */
#include "collector.h"

#include <sys/wait.h>

static spook_engine *engine;
static spook_pair *pair;

/* 1: every function of this header may be called inside an observer. */
static void use_everything(collector *self, const spook_event *event) {
  spook_pair *other = NULL, *again = NULL;
  spook_subscription *polled = NULL, *called = NULL;
  spook_value value = spook_int64(1), read;
  spook_buf buf = spook_buf_init();
  spook_id id;
  spook_lifecycle lifecycle;
  spook_collapse_result collapse = spook_collapse_result_init();
  spook_event next = spook_event_init();
  static collector inner;
  if (!text_is(event->path, "/x")) return;
  OK(spook_create_pair, engine, "inside", 6, NULL, NULL, &other);
  OK(spook_open_pair, engine, "inside", 6, 0, &again);
  OK(spook_observe_poll, again, NULL, 0, NULL, &polled);
  collector_init(&inner, other);
  called = observed_by(&inner, "", NULL);
  OK(spook_write_state, other, "/x", 2, &value, NULL);
  OK(spook_write_state_json, self->pair, "/y", 2, "[1]", 3, NULL);
  OK(spook_read_state, other, "/x", 2, &read, &buf);
  OK(spook_read_state_cbor, self->pair, "", 0, &buf);
  spook_buf_free(&buf);
  OK(spook_delete_state, other, "/x", 2, NULL);
  OK(spook_collapse, other, NULL, &collapse);
  OK(spook_pair_lifecycle, self->pair, &lifecycle);
  OK(spook_pair_id, self->pair, &id);
  OK(spook_pair_name, self->pair, &buf);
  spook_buf_free(&buf);
  OK(spook_pairs, engine, &buf);
  spook_buf_free(&buf);
  OK(spook_subscription_next, polled, 0, &next);
  spook_event_free(&next);
  OK(spook_event_json, event, &buf);
  spook_buf_free(&buf);
  OK(spook_read_committed_json, other, "", 0, &buf);
  spook_buf_free(&buf);
  OK(spook_conflicts_json, other, "", 0, &buf);
  spook_buf_free(&buf);
  OK(spook_collapse_json, self->pair, NULL, &buf);
  spook_buf_free(&buf);
  OK(spook_set_presence, other, "k", 1, &value);
  OK(spook_unobserve, called);
  OK(spook_unobserve, polled);
  OK(spook_pair_close, again);
  OK(spook_pair_close, other);
}

static void every_function_inside_an_observer(void) {
  collector observer;
  collector_init(&observer, pair);
  observer.act = use_everything;
  spook_subscription *subscription = observed_by(&observer, "", NULL);
  write_int(pair, "/x", 1);
  wait_for(&observer, &observer.returned, 2);
  OK(spook_unobserve, subscription);
  EQUAL(1, observer.drops);
}

/* 2: in the order of seq, one at a time (the collector checks both), after they are visible. */
static void compare_with_state(collector *self, const spook_event *event) {
  CHECK(text_is(event->path, "/n"));
  CHECK(read_int(self->pair, "/n") >= event->value.as.int64);
}

static void *write_numbers(void *argument) {
  pthread_mutex_t *mutex = (pthread_mutex_t *)argument;
  for (int i = 0; i < 500; i++) {
    pthread_mutex_lock(mutex);
    static int64_t number;
    write_int(pair, "/n", ++number);
    pthread_mutex_unlock(mutex);
  }
  return NULL;
}

static void changes_come_in_order_and_are_visible(void) {
  collector observer;
  pthread_t threads[4];
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  spook_observe_options options = spook_observe_options_init();
  options.capacity = 4096;
  collector_init(&observer, pair);
  observer.act = compare_with_state;
  spook_subscription *subscription = observed_by(&observer, "/n", &options);
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, write_numbers, &mutex);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  wait_for(&observer, &observer.returned, 2000);
  EQUAL(2000, observer.last_number);
  OK(spook_unobserve, subscription);
}

/* 3: a write inside is applied at once; its change comes after the call. */
static void write_another(collector *self, const spook_event *event) {
  if (event->value.as.int64 < 3) {
    write_int(self->pair, "/inner", event->value.as.int64 + 1);
    EQUAL(event->value.as.int64 + 1, read_int(self->pair, "/inner"));
  }
}

static void a_write_inside_comes_after_the_call(void) {
  collector observer;
  collector_init(&observer, pair);
  observer.act = write_another;
  spook_subscription *subscription = observed_by(&observer, "/inner", NULL);
  write_int(pair, "/inner", 1);
  wait_for(&observer, &observer.returned, 3);
  EQUAL(3, observer.last_number);
  OK(spook_unobserve, subscription);
}

/* 4: a slow observer is told of a gap, gets the latest, and slows no writer. */
static void a_slow_observer_gets_a_gap_and_the_latest(void) {
  collector observer;
  spook_observe_options options = spook_observe_options_init();
  options.capacity = 4;
  collector_init(&observer, pair);
  observer.is_held = 1;
  spook_subscription *subscription = observed_by(&observer, "/slow", &options);
  write_int(pair, "/slow", 0);
  wait_for(&observer, &observer.calls, 1);
  uint64_t before = observer.last_seq;
  for (int i = 1; i <= 10000; i++) write_int(pair, "/slow", i); /* They return although the observer does not. */
  hold(&observer, 0);
  struct timespec end = deadline();
  pthread_mutex_lock(&observer.mutex);
  while (observer.last_number < 10000) {
    if (pthread_cond_timedwait(&observer.changed, &observer.mutex, &end) != 0) fail(__FILE__, __LINE__, "no last change", 0);
  }
  EQUAL(before + 1, observer.gap_from);
  CHECK(observer.gap_to >= observer.gap_from && observer.gap_to < observer.last_seq);
  EQUAL(before + 10000, observer.last_seq);
  CHECK(observer.calls < 20);
  pthread_mutex_unlock(&observer.mutex);
  OK(spook_unobserve, subscription);
}

/* 5: drop once, after the last call; when observe fails, before it returns. */
static void drop_comes_once_also_when_observe_fails(void) {
  collector observer;
  spook_subscription *subscription = NULL;
  spook_observe_options options = spook_observe_options_init();
  collector_init(&observer, pair);
  options.struct_size = 1;
  spook_observe(NULL, "", 0, NULL, collect, &observer, count_drop, &subscription, NULL);
  EQUAL(1, observer.drops);
  spook_observe((spook_pair *)engine, "", 0, NULL, collect, &observer, count_drop, &subscription, NULL);
  EQUAL(2, observer.drops);
  spook_observe(pair, "", 0, NULL, NULL, &observer, count_drop, &subscription, NULL);
  EQUAL(3, observer.drops);
  spook_observe(pair, "", 0, NULL, collect, &observer, count_drop, NULL, NULL);
  EQUAL(4, observer.drops);
  spook_observe(pair, "x", 1, NULL, collect, &observer, count_drop, &subscription, NULL);
  EQUAL(5, observer.drops);
  spook_observe(pair, "\xff", 1, NULL, collect, &observer, count_drop, &subscription, NULL);
  EQUAL(6, observer.drops);
  spook_observe(pair, "", 0, &options, collect, &observer, count_drop, &subscription, NULL);
  EQUAL(7, observer.drops);
  CHECK(subscription == NULL && observer.calls == 0);
  OK(spook_observe, pair, "", 0, NULL, collect, &observer, NULL, &subscription);
  OK(spook_unobserve, subscription);
  EQUAL(7, observer.drops);
}

/* 5, 6, 7: each way of closing ends the calls and gives the user data back. */
static void each_way_of_closing_ends_a_subscription(void) {
  for (int way = 0; way < 3; way++) {
    collector observer;
    spook_engine *own = new_engine();
    spook_pair *handle = new_pair(own, "a");
    collector_init(&observer, handle);
    spook_subscription *subscription = observed_by(&observer, "", NULL);
    write_int(handle, "/x", 1);
    wait_for(&observer, &observer.returned, 1);
    if (way == 0) OK(spook_unobserve, subscription);
    if (way == 1) OK(spook_pair_close, handle);
    if (way == 2) OK(spook_close, own);
    EQUAL(1, number_of(&observer, &observer.drops));
    EQUAL(SPOOK_E_CLOSED, spook_unobserve(subscription, NULL));
    if (way < 2) {
      spook_pair *again = NULL;
      OK(spook_open_pair, own, "a", 1, 0, &again);
      write_int(again, "/x", 2);
      OK(spook_close, own);
    }
    EQUAL(1, number_of(&observer, &observer.calls));
    EQUAL(1, number_of(&observer, &observer.drops));
    collector_destroy(&observer);
  }
}

typedef struct {
  spook_subscription *subscription;
  int done;
  collector *observer;
} ender;

static void *end_it(void *argument) {
  ender *self = (ender *)argument;
  OK(spook_unobserve, self->subscription);
  EQUAL(1, number_of(self->observer, &self->observer->drops));
  pthread_mutex_lock(&self->observer->mutex);
  self->done = 1;
  pthread_cond_broadcast(&self->observer->changed);
  pthread_mutex_unlock(&self->observer->mutex);
  return NULL;
}

/* 6: unobserve waits for a call on another thread. */
static void unobserve_waits_for_the_running_call(void) {
  collector observer;
  pthread_t thread;
  collector_init(&observer, pair);
  observer.is_held = 1;
  ender ending = {observed_by(&observer, "/wait", NULL), 0, &observer};
  write_int(pair, "/wait", 1);
  wait_for(&observer, &observer.calls, 1);
  write_int(pair, "/wait", 2);
  pthread_create(&thread, NULL, end_it, &ending);
  sleep_ms(20); /* Gives a wrong unobserve the time to return; a right one cannot. */
  EQUAL(0, number_of(&observer, &ending.done));
  EQUAL(0, number_of(&observer, &observer.drops));
  hold(&observer, 0);
  wait_for(&observer, &ending.done, 1);
  pthread_join(thread, NULL);
  EQUAL(1, observer.calls);
}

/* 6: inside an observer it does not wait, and drop comes when the call has returned (the collector checks that). */
static spook_subscription *own_subscription;

static void end_itself(collector *self, const spook_event *event) {
  (void)event;
  pthread_mutex_lock(&self->mutex); /* Until the test has stored the handle. */
  spook_subscription *subscription = own_subscription;
  pthread_mutex_unlock(&self->mutex);
  OK(spook_unobserve, subscription);
  EQUAL(0, number_of(self, &self->drops));
  write_int(self->pair, "/self", 2);
}

static void an_observer_ends_itself(void) {
  collector observer;
  collector_init(&observer, pair);
  observer.act = end_itself;
  pthread_mutex_lock(&observer.mutex);
  own_subscription = observed_by(&observer, "/self", NULL);
  write_int(pair, "/self", 1);
  pthread_mutex_unlock(&observer.mutex);
  wait_for(&observer, &observer.drops, 1);
  EQUAL(1, observer.calls);
}

static void close_its_pair(collector *self, const spook_event *event) {
  (void)event;
  OK(spook_pair_close, self->pair);
  EQUAL(0, number_of(self, &self->drops));
}

static void an_observer_closes_its_pair(void) {
  collector observer;
  spook_pair *again = NULL;
  OK(spook_open_pair, engine, "observed", 8, 0, &again);
  collector_init(&observer, again);
  observer.act = close_its_pair;
  observed_by(&observer, "/close", NULL);
  write_int(pair, "/close", 1);
  wait_for(&observer, &observer.drops, 1);
  write_int(pair, "/close", 2);
  EQUAL(1, observer.calls);
}

static spook_engine *closing_engine;

static void close_the_engine(collector *self, const spook_event *event) {
  (void)self;
  (void)event;
  OK(spook_close, closing_engine);
}

static void an_observer_closes_its_engine(void) {
  collector observer;
  closing_engine = new_engine();
  collector_init(&observer, new_pair(closing_engine, "a"));
  observer.act = close_the_engine;
  observed_by(&observer, "", NULL);
  write_int(observer.pair, "/x", 1);
  wait_for(&observer, &observer.drops, 1);
  spook_id id;
  EQUAL(SPOOK_E_CLOSED, spook_endpoint_id(closing_engine, &id, NULL));
}

/* 9: the event is over when the observer has returned. */
static spook_event kept;

static void keep(collector *self, const spook_event *event) {
  spook_buf json = spook_buf_init();
  (void)self;
  kept = *event;
  EQUAL(SPOOK_ARRAY, event->value.kind);
  OK(spook_event_json, event, &json);
  CHECK(buf_is(&json, "[1,2]", 5));
  spook_buf_free(&json);
  OK(spook_event_cbor, event, &json);
  CHECK(buf_is(&json, "\x82\x01\x02", 3));
  spook_buf_free(&json);
}

static void an_event_is_over_after_the_call(void) {
  collector observer;
  spook_buf json = spook_buf_init();
  collector_init(&observer, pair);
  observer.act = keep;
  spook_subscription *subscription = observed_by(&observer, "/kept", NULL);
  OK(spook_write_state_json, pair, "/kept", 5, "[1,2]", 5, NULL);
  wait_for(&observer, &observer.returned, 1);
  OK(spook_unobserve, subscription);
  FAILS(SPOOK_E_CLOSED, spook_event_json, &kept, &json);
  FAILS(SPOOK_E_CLOSED, spook_event_cbor, &kept, &json);
}

#ifdef __cplusplus
static void throw_something(void *user_data, const spook_event *event) {
  (void)user_data;
  (void)event;
  throw 1;
}

/* 8: an exception ends the program; it does not run on with half a call. */
static void an_exception_ends_the_program(void) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    close(2);
    spook_engine *own = new_engine();
    spook_pair *handle = new_pair(own, "a");
    spook_subscription *subscription = NULL;
    spook_observe(handle, "", 0, NULL, throw_something, NULL, NULL, &subscription, NULL);
    write_int(handle, "/x", 1);
    sleep(60);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}
#endif

int main(void) {
  engine = new_engine();
  pair = new_pair(engine, "observed");
  static const test_case tests[] = {
      CASE(every_function_inside_an_observer),
      CASE(changes_come_in_order_and_are_visible),
      CASE(a_write_inside_comes_after_the_call),
      CASE(a_slow_observer_gets_a_gap_and_the_latest),
      CASE(drop_comes_once_also_when_observe_fails),
      CASE(each_way_of_closing_ends_a_subscription),
      CASE(unobserve_waits_for_the_running_call),
      CASE(an_observer_ends_itself),
      CASE(an_observer_closes_its_pair),
      CASE(an_observer_closes_its_engine),
      CASE(an_event_is_over_after_the_call),
#ifdef __cplusplus
      CASE(an_exception_ends_the_program),
#endif
  };
  int result = RUN(tests);
  OK(spook_close, engine);
  return result;
}
