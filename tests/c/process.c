/* fork() and exit. */
#include "collector.h"

#include <signal.h>
#include <sys/wait.h>

/* Runs a function in a child and gives the code that it exits with; a hang ends with SIGALRM. */
static int in_child(int (*body)(void)) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static spook_engine *engine;
static spook_pair *pair;
static spook_subscription *subscription;
static spook_error *parents_error;

static int use_the_parents_handles(void) {
  spook_id id;
  spook_buf buf = spook_buf_init();
  spook_value value = spook_int64(2);
  spook_event event = spook_event_init();
  spook_collapse_result result = spook_collapse_result_init();
  spook_pair *other = NULL;
  FAILS(SPOOK_E_FORKED, spook_endpoint_id, engine, &id);
  FAILS(SPOOK_E_FORKED, spook_create_pair, engine, "b", 1, NULL, NULL, &other);
  FAILS(SPOOK_E_FORKED, spook_pair_id, pair, &id);
  FAILS(SPOOK_E_FORKED, spook_read_state_json, pair, "", 0, &buf);
  FAILS(SPOOK_E_FORKED, spook_write_state, pair, "/x", 2, &value, NULL);
  FAILS(SPOOK_E_FORKED, spook_collapse, pair, NULL, &result);
  FAILS(SPOOK_E_FORKED, spook_subscription_next, subscription, 1000, &event);
  FAILS(SPOOK_E_FORKED, spook_unobserve, subscription);
  FAILS(SPOOK_E_FORKED, spook_pair_close, pair);
  FAILS(SPOOK_E_FORKED, spook_close, engine);
  EQUAL(SPOOK_E_FORKED, spook_error_code(parents_error));
  return 7;
}

static void a_child_may_not_use_the_parents_handles(void) {
  EQUAL(SPOOK_E_NULL, spook_pair_id(pair, NULL, &parents_error));
  EQUAL(7, in_child(use_the_parents_handles));
  spook_error_free(parents_error);
  /* The parent goes on. */
  write_int(pair, "/x", 3);
  EQUAL(3, read_int(pair, "/x"));
}

static int use_an_engine_of_its_own(void) {
  spook_engine *own = NULL;
  OK(spook_open, NULL, 0, &own);
  spook_pair *handle = new_pair(own, "a");
  collector observer;
  collector_init(&observer, handle);
  observed_by(&observer, "", NULL);
  write_int(handle, "/x", 9);
  wait_for(&observer, &observer.calls, 1);
  EQUAL(9, read_int(handle, "/x"));
  OK(spook_close, own);
  EQUAL(7, in_child(use_the_parents_handles)); /* The same in a child of the child. */
  return 8;
}

static void a_child_may_open_an_engine_of_its_own(void) {
  EQUAL(SPOOK_E_NULL, spook_pair_id(pair, NULL, &parents_error));
  EQUAL(8, in_child(use_an_engine_of_its_own));
  spook_error_free(parents_error);
}

/* Threads of the parent hold locks of every kind while it forks. */
static volatile int is_over;

static void *keep_busy(void *argument) {
  (void)argument;
  while (!is_over) {
    spook_pair *own = NULL;
    OK(spook_open_pair, engine, "forking", 7, 0, &own);
    write_int(own, "/busy", 1);
    OK(spook_pair_close, own);
  }
  return NULL;
}

static int try_once(void) {
  spook_id id;
  EQUAL(SPOOK_E_FORKED, spook_pair_id(pair, &id, NULL));
  EQUAL(SPOOK_E_FORKED, spook_close(engine, NULL));
  spook_engine *own = new_engine();
  write_int(new_pair(own, "a"), "/x", 1);
  OK(spook_close, own);
  return 7;
}

#ifdef __SANITIZE_ADDRESS__
static void a_child_of_a_busy_parent_is_not_tried(void) {
  (void)keep_busy;
  (void)try_once;
  (void)is_over;
  printf("test a_child_of_a_busy_parent_does_not_hang ... ignored, the allocator of AddressSanitizer hangs in such a child\n");
}
#else
static void a_child_of_a_busy_parent_does_not_hang(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, keep_busy, NULL);
  for (int i = 0; i < 50; i++) EQUAL(7, in_child(try_once));
  is_over = 1;
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}
#endif

static void sleep_long(collector *self, const spook_event *event) {
  (void)self;
  (void)event;
  sleep(3600);
}

/* Returns from main with an engine, a Pair, a subscription and an observer that runs. */
static int exit_in_the_middle(void) {
  static collector observer;
  collector_init(&observer, new_pair(new_engine(), "a"));
  observer.act = sleep_long;
  observed_by(&observer, "", NULL);
  write_int(observer.pair, "/x", 1);
  wait_for(&observer, &observer.calls, 1);
  exit(5);
}

static void a_program_may_exit_with_live_observers(void) {
  EQUAL(5, in_child(exit_in_the_middle));
}

int main(void) {
  engine = new_engine();
  pair = new_pair(engine, "forking");
  OK(spook_observe_poll, pair, "", 0, NULL, &subscription);
  static const test_case tests[] = {
      CASE(a_child_may_not_use_the_parents_handles),
      CASE(a_child_may_open_an_engine_of_its_own),
#ifdef __SANITIZE_ADDRESS__
      CASE(a_child_of_a_busy_parent_is_not_tried),
#else
      CASE(a_child_of_a_busy_parent_does_not_hang),
#endif
      CASE(a_program_may_exit_with_live_observers),
  };
  int result = RUN(tests);
  OK(spook_close, engine);
  return result;
}
