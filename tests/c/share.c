/* Two engines of one process share a Pair, over each kind of link. */
#include "linked.h"

static void shared_over(const char *address) {
  spook_engine *home = listening_on(address), *phone = listening_on("");
  spook_pair *first = NULL;
  spook_value initial = spook_json(SPOOK_LITERAL("{\"target\":21.5,\"list\":[1,2]}"));
  OK(spook_create_pair, home, "thermostat", 10, &initial, NULL, &first);
  spook_pair *second = opened_by_ticket(first, phone);
  spook_id first_id, second_id, writer;
  OK(spook_pair_id, first, &first_id);
  OK(spook_pair_id, second, &second_id);
  OK(spook_endpoint_id, phone, &writer);
  CHECK(memcmp(&first_id, &second_id, sizeof first_id) == 0);
  spook_buf json = spook_buf_init();
  OK(spook_read_state_json, second, "", 0, &json);
  CHECK(buf_is(&json, "{\"list\":[1,2],\"target\":21.5}", 28));
  spook_buf_free(&json);

  spook_subscription *subscription = NULL;
  spook_event event = spook_event_init();
  OK(spook_observe_poll, first, "/target", 7, NULL, &subscription);
  spook_value warm = spook_float64(22.5);
  spook_candidate candidate;
  OK(spook_write_state, second, "/target", 7, &warm, &candidate);
  OK(spook_subscription_next, subscription, 60000, &event);
  CHECK(event.kind == SPOOK_EVENT_CHANGED && event.value.kind == SPOOK_FLOAT64 && event.value.as.float64 == 22.5);
  CHECK(memcmp(&event.origin, &writer, sizeof writer) == 0);
  spook_event_free(&event);
  settle(second);
  bool settled = false;
  OK(spook_is_settled, second, &candidate, &settled);
  CHECK(settled);

  spook_collapse_result here = spook_collapse_result_init(), there = spook_collapse_result_init();
  OK(spook_collapse, first, NULL, &here);
  OK(spook_collapse, second, NULL, &there);
  CHECK(memcmp(here.state.digest, there.state.digest, 16) == 0);
  spook_traffic traffic = spook_traffic_init();
  OK(spook_engine_traffic, phone, &traffic);
  CHECK(traffic.bytes_sent > 0 && traffic.bytes_received > 0 && traffic.handshakes >= 1);
  OK(spook_addresses, home, &json);
  CHECK(json.len > 2);
  spook_buf_free(&json);
  OK(spook_close, phone);
  OK(spook_close, home);
}

static void over_memory(void) {
  shared_over("mem:c-test");
}

static void over_a_unix_socket(void) {
  char folder[] = "/tmp/spook-c-XXXXXX", address[80], path[64];
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/socket", folder);
  snprintf(address, sizeof address, "unix:%s", path);
  shared_over(address);
  unlink(path);
  rmdir(folder);
}

static void over_tcp(void) {
  shared_over("tcp:127.0.0.1:0");
}

static void with_the_default_socket(void) {
  spook_engine *home = NULL, *phone = NULL;
  OK(spook_open, NULL, 0, &home);
  OK(spook_open, ":memory:", 8, &phone);
  spook_pair *first = new_pair(home, "a");
  write_int(first, "/x", 1);
  spook_pair *second = opened_by_ticket(first, phone);
  EQUAL(1, read_int(second, "/x"));
  OK(spook_close, home);
  OK(spook_close, phone);
}

static void lifecycle_tells_when_the_peer_goes(void) {
  spook_engine *home = listening_on("tcp:127.0.0.1:0"), *phone = listening_on("");
  spook_pair *first = new_pair(home, "a");
  spook_lifecycle lifecycle;
  OK(spook_pair_lifecycle, first, &lifecycle);
  EQUAL(SPOOK_LIFECYCLE_CREATED, lifecycle.link);
  spook_observe_options options = spook_observe_options_init();
  options.lifecycle = 1;
  spook_subscription *subscription = NULL;
  OK(spook_observe_poll, first, "", 0, &options, &subscription);
  opened_by_ticket(first, phone);
  spook_event event = spook_event_init();
  uint32_t wanted[] = {SPOOK_LIFECYCLE_ENTANGLED, SPOOK_LIFECYCLE_DECOHERED};
  for (int i = 0; i < 2; i++) {
    do {
      spook_event_free(&event);
      OK(spook_subscription_next, subscription, 60000, &event);
    } while (event.kind != SPOOK_EVENT_TRANSITION || event.now.link != wanted[i]);
    CHECK(event.before.link != wanted[i] && event.now.name != 0);
    if (i == 0) OK(spook_close, phone);
  }
  CHECK(event.now.reason != SPOOK_REASON_NONE);
  spook_event_free(&event);
  OK(spook_pair_lifecycle, first, &lifecycle);
  EQUAL(SPOOK_LIFECYCLE_DECOHERED, lifecycle.name);
  OK(spook_close, home);
}

static void tickets_work_once(void) {
  spook_engine *home = listening_on("tcp:127.0.0.1:0"), *phone = listening_on(""), *thief = listening_on("");
  spook_pair *first = new_pair(home, "a"), *second = NULL, *third = NULL;
  spook_buf ticket = spook_buf_init();
  spook_ticket_options options = spook_ticket_options_init();
  options.expires_in_ms = 60000;
  OK(spook_pair_ticket, first, &options, &ticket);
  const char *text = (const char *)ticket.data;
  OK(spook_open_pair, phone, text, ticket.len, 30000, &second);
  int32_t code = spook_open_pair(thief, text, ticket.len, 1000, &third, NULL);
  CHECK(code == SPOOK_E_TICKET_USED || code == SPOOK_E_UNREACHABLE || code == SPOOK_E_TIMEOUT || code == SPOOK_E_REFUSED);
  CHECK(third == NULL);
  FAILS(SPOOK_E_TICKET_INVALID, spook_open_pair, thief, text, ticket.len - 1, 1000, &third);
  spook_buf_free(&ticket);
  OK(spook_close, thief);
  OK(spook_close, phone);
  OK(spook_close, home);
}

static void a_ledger_keeps_pairs_and_has_one_owner(void) {
  char folder[] = "/tmp/spook-c-XXXXXX", path[64];
  uint8_t key[32];
  spook_engine_options options = spook_engine_options_init();
  spook_engine *engine = NULL, *second = NULL;
  spook_pair *pair = NULL;
  spook_id before, after;
  memset(key, 7, sizeof key);
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/home.spook", folder);
  options.listen = SPOOK_LISTEN_ADDRESSES;
  options.location.data = path;
  options.location.len = strlen(path);
  options.key = key;
  OK(spook_open_with, &options, &engine);
  FAILS(SPOOK_E_LOCKED, spook_open_with, &options, &second);
  OK(spook_endpoint_id, engine, &before);
  spook_pair_options durable = spook_pair_options_init();
  durable.durability = SPOOK_DURABILITY_SYNC;
  OK(spook_create_pair, engine, "a", 1, NULL, &durable, &pair);
  write_int(pair, "/x", 42);
  OK(spook_close, engine);
  key[0] ^= 1;
  FAILS(SPOOK_E_LEDGER_KEY, spook_open_with, &options, &engine);
  key[0] ^= 1;
  OK(spook_open_with, &options, &engine);
  OK(spook_endpoint_id, engine, &after);
  CHECK(memcmp(&before, &after, sizeof before) == 0);
  OK(spook_open_pair, engine, "a", 1, 0, &pair);
  EQUAL(42, read_int(pair, "/x"));
  OK(spook_close, engine);
  unlink(path);
  rmdir(folder);
}

static void nobody_answers(void) {
  spook_engine *home = listening_on("tcp:127.0.0.1:0"), *phone = listening_on("");
  spook_pair *first = new_pair(home, "a"), *second = NULL;
  spook_buf ticket = spook_buf_init();
  OK(spook_pair_ticket, first, NULL, &ticket);
  OK(spook_close, home);
  int32_t code = spook_open_pair(phone, (const char *)ticket.data, ticket.len, 200, &second, NULL);
  CHECK(code == SPOOK_E_UNREACHABLE || code == SPOOK_E_TIMEOUT);
  spook_buf_free(&ticket);
  first = new_pair(phone, "alone");
  OK(spook_close, phone);
}

int main(void) {
  static const test_case tests[] = {
      CASE(over_memory),       CASE(over_a_unix_socket),
      CASE(over_tcp),          CASE(with_the_default_socket),
      CASE(tickets_work_once), CASE(lifecycle_tells_when_the_peer_goes),
      CASE(nobody_answers),    CASE(a_ledger_keeps_pairs_and_has_one_owner),
  };
  return RUN(tests);
}
