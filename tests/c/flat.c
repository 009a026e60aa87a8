/* Memory and descriptors stay where they are, however often things come and go. Linux: it reads /proc. */
#include "check.h"

#include <dirent.h>

static spook_engine *engine;
static spook_pair *pair;

static long resident_kib(void) {
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return 0;
  CHECK(fscanf(file, "%ld %ld", &pages, &resident) == 2);
  fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static int descriptors(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) return 0;
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

/* Runs it often, and as often again: the second time needs no more than the first. */
static void stays_flat(void (*once)(int), int count) {
  for (int i = 0; i < count; i++) once(i);
  long memory = resident_kib();
  int open_files = descriptors();
  for (int i = 0; i < count; i++) once(i);
  long growth = resident_kib() - memory;
  if (growth > 2048) fail(__FILE__, __LINE__, "KiB of growth", growth);
  EQUAL(open_files, descriptors());
}

static void open_and_close_a_pair(int i) {
  spook_pair *again = NULL;
  (void)i;
  OK(spook_open_pair, engine, "flat", 4, 0, &again);
  OK(spook_pair_close, again);
}

static void pairs_come_and_go(void) {
  stays_flat(open_and_close_a_pair, 500000);
}

static void observe_and_unobserve(int i) {
  spook_subscription *subscription = NULL;
  int32_t fd = -1;
  OK(spook_observe_poll, pair, "", 0, NULL, &subscription);
  if (i % 10 == 0) OK(spook_subscription_fd, subscription, &fd);
  OK(spook_unobserve, subscription);
}

static void subscriptions_come_and_go(void) {
  stays_flat(observe_and_unobserve, 250000);
}

static void fail_and_free(int i) {
  spook_error *error = NULL;
  (void)i;
  EQUAL(SPOOK_E_NULL, spook_pair_id(pair, NULL, &error));
  spook_error_free(error);
}

static void errors_come_and_go(void) {
  stays_flat(fail_and_free, 500000);
}

static spook_subscription *subscription;

static void write_and_take(int i) {
  spook_event event = spook_event_init();
  write_int(pair, "/x", i);
  OK(spook_subscription_next, subscription, 60000, &event);
  spook_event_free(&event);
}

static void events_come_and_go(void) {
  OK(spook_observe_poll, pair, "", 0, NULL, &subscription);
  stays_flat(write_and_take, 50000);
  OK(spook_unobserve, subscription);
}

static void open_and_close_an_engine(int i) {
  (void)i;
  spook_engine *own = new_engine();
  new_pair(own, "a");
  OK(spook_close, own);
}

static void engines_come_and_go(void) {
  stays_flat(open_and_close_an_engine, 300);
}

int main(void) {
  engine = new_engine();
  pair = new_pair(engine, "flat");
  static const test_case tests[] = {
      CASE(pairs_come_and_go),  CASE(subscriptions_come_and_go), CASE(errors_come_and_go),
      CASE(events_come_and_go), CASE(engines_come_and_go),
  };
  int result = RUN(tests);
  OK(spook_close, engine);
  return result;
}
