/* Observing without a callback: the next event, and a descriptor for poll(2). */
#include "check.h"

#include <poll.h>

static spook_engine *engine;
static spook_pair *pair;

static spook_subscription *polled(const char *prefix, const spook_observe_options *options) {
  spook_subscription *subscription = NULL;
  OK(spook_observe_poll, pair, prefix, strlen(prefix), options, &subscription);
  return subscription;
}

static int is_readable(int fd, int timeout_ms) {
  struct pollfd entry = {fd, POLLIN, 0};
  return poll(&entry, 1, timeout_ms) == 1;
}

static void events_tell_everything(void) {
  spook_subscription *subscription = polled("/e", NULL);
  spook_event event = spook_event_init();
  spook_id me;
  OK(spook_endpoint_id, engine, &me);
  spook_value text = spook_string("warm", 4);
  OK(spook_write_state, pair, "/e/t", 4, &text, NULL);
  OK(spook_delete_state, pair, "/e/t", 4, NULL);
  write_int(pair, "/elsewhere", 1);
  OK(spook_subscription_next, subscription, 60000, &event);
  EQUAL(SPOOK_EVENT_CHANGED, event.kind);
  EQUAL(sizeof event, event.struct_size);
  CHECK(text_is(event.path, "/e/t") && event.value.kind == SPOOK_STRING && text_is(event.value.as.text, "warm"));
  CHECK(memcmp(&event.origin, &me, sizeof me) == 0);
  uint64_t first = event.seq;
  spook_event_free(&event);
  OK(spook_subscription_next, subscription, -1, &event);
  EQUAL(SPOOK_EVENT_DELETED, event.kind);
  CHECK(event.seq > first && event.value.kind == SPOOK_NONE && text_is(event.path, "/e/t"));
  spook_buf json = spook_buf_init();
  FAILS(SPOOK_E_NOT_FOUND, spook_event_json, &event, &json);
  spook_event_free(&event);
  FAILS(SPOOK_E_TIMEOUT, spook_subscription_next, subscription, 0, &event);
  FAILS(SPOOK_E_TIMEOUT, spook_subscription_next, subscription, 10, &event);
  OK(spook_unobserve, subscription);
}

static void an_event_outlives_its_subscription_and_is_freed_once(void) {
  spook_subscription *subscription = polled("/o", NULL);
  spook_event event = spook_event_init();
  spook_buf cbor = spook_buf_init();
  OK(spook_write_state_json, pair, "/o", 2, "[3]", 3, NULL);
  OK(spook_subscription_next, subscription, 60000, &event);
  OK(spook_unobserve, subscription);
  spook_event copy = event;
  OK(spook_event_cbor, &event, &cbor);
  CHECK(buf_is(&cbor, "\x81\x03", 2));
  spook_buf_free(&cbor);
  spook_event_free(&event);
  spook_event_free(&event);
  FAILS(SPOOK_E_CLOSED, spook_event_cbor, &event, &cbor);
  FAILS(SPOOK_E_CLOSED, spook_event_cbor, &copy, &cbor);
  spook_event_free(&copy);
}

static void the_descriptor_is_readable_while_events_wait(void) {
  spook_subscription *subscription = polled("/fd", NULL);
  spook_event event = spook_event_init();
  int32_t fd = -1;
  write_int(pair, "/fd", 1);
  OK(spook_subscription_fd, subscription, &fd);
  CHECK(is_readable(fd, 60000));
  OK(spook_subscription_next, subscription, 0, &event);
  spook_event_free(&event);
  CHECK(!is_readable(fd, 0));
  for (int i = 0; i < 3; i++) write_int(pair, "/fd", i);
  int taken = 0;
  while (taken < 3) {
    CHECK(is_readable(fd, 60000));
    while (spook_subscription_next(subscription, 0, &event, NULL) == SPOOK_OK) {
      spook_event_free(&event);
      taken++;
    }
  }
  CHECK(!is_readable(fd, 0));
  int32_t again = -1;
  OK(spook_subscription_fd, subscription, &again);
  EQUAL(fd, again);
  OK(spook_unobserve, subscription);
}

static void a_full_queue_gives_a_gap(void) {
  spook_observe_options options = spook_observe_options_init();
  options.capacity = 8;
  spook_subscription *subscription = polled("/g", &options);
  spook_event event = spook_event_init();
  for (int i = 1; i <= 1000; i++) write_int(pair, i % 2 ? "/g/odd" : "/g/even", i);
  int64_t odd = 0, even = 0;
  int gaps = 0, events = 0;
  while (spook_subscription_next(subscription, 0, &event, NULL) == SPOOK_OK) {
    events++;
    if (event.kind == SPOOK_EVENT_GAP) {
      CHECK(event.gap_from <= event.gap_to && event.seq == event.gap_to);
      gaps++;
    } else if (text_is(event.path, "/g/odd")) {
      odd = event.value.as.int64;
    } else {
      even = event.value.as.int64;
    }
    spook_event_free(&event);
  }
  CHECK(gaps >= 1 && events <= 16);
  EQUAL(999, odd);
  EQUAL(1000, even);
  OK(spook_unobserve, subscription);
}

static void *take_one(void *argument) {
  spook_event event = spook_event_init();
  int32_t code = spook_subscription_next((spook_subscription *)argument, -1, &event, NULL);
  return (void *)(intptr_t)code;
}

static void closing_wakes_who_waits(void) {
  for (int way = 0; way < 2; way++) {
    pthread_t thread;
    void *code = NULL;
    spook_pair *again = NULL;
    spook_subscription *subscription = NULL;
    OK(spook_open_pair, engine, "polled", 6, 0, &again);
    OK(spook_observe_poll, again, NULL, 0, NULL, &subscription);
    pthread_create(&thread, NULL, take_one, subscription);
    sleep_ms(5); /* Mostly it waits by now; if not, it finds the subscription closed. */
    if (way == 0) OK(spook_unobserve, subscription);
    OK(spook_pair_close, again);
    pthread_join(thread, &code);
    EQUAL(SPOOK_E_CLOSED, (intptr_t)code);
  }
}

static void ignore(void *user_data, const spook_event *event) {
  (void)user_data;
  (void)event;
}

static void a_subscription_with_a_callback_has_no_next(void) {
  spook_event event = spook_event_init();
  spook_subscription *subscription = NULL;
  OK(spook_observe, pair, "/none", 5, NULL, ignore, NULL, NULL, &subscription);
  FAILS(SPOOK_E_INVALID, spook_subscription_next, subscription, 0, &event);
  OK(spook_unobserve, subscription);
}

int main(void) {
  engine = new_engine();
  pair = new_pair(engine, "polled");
  static const test_case tests[] = {
      CASE(events_tell_everything),
      CASE(an_event_outlives_its_subscription_and_is_freed_once),
      CASE(the_descriptor_is_readable_while_events_wait),
      CASE(a_full_queue_gives_a_gap),
      CASE(closing_wakes_who_waits),
      CASE(a_subscription_with_a_callback_has_no_next),
  };
  int result = RUN(tests);
  OK(spook_close, engine);
  return result;
}
