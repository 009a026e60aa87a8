/* The header and the library belong together; codes, errors, and structs of other sizes. */
#include "check.h"
#include "spook.h" /* Included twice. */

#include <stddef.h>

static void versions_agree(void) {
  char text[64];
  snprintf(text, sizeof text, "%d.%d.%d", SPOOK_VERSION_MAJOR, SPOOK_VERSION_MINOR, SPOOK_VERSION_PATCH);
  CHECK(strcmp(text, SPOOK_VERSION) == 0);
  CHECK(strcmp(spook_version(), SPOOK_VERSION) == 0);
  EQUAL(SPOOK_VERSION_MAJOR * 1000000 + SPOOK_VERSION_MINOR * 1000 + SPOOK_VERSION_PATCH, SPOOK_VERSION_NUMBER);
  EQUAL(SPOOK_ABI_VERSION, spook_abi_version());
  CHECK(strstr(spook_build_info(), SPOOK_VERSION) != NULL);
}

/* A program that was built once must find every field where it was. */
static void layouts_are_those_of_abi_1(void) {
  EQUAL(24, sizeof(spook_buf));
  EQUAL(16, sizeof(spook_text));
  EQUAL(16, sizeof(spook_id));
  EQUAL(24, sizeof(spook_value));
  EQUAL(8, offsetof(spook_value, as));
  EQUAL(48, sizeof(spook_candidate));
  EQUAL(48, sizeof(spook_operation));
  EQUAL(24, sizeof(spook_state_id));
  EQUAL(20, sizeof(spook_lifecycle));
  EQUAL(56, sizeof(spook_engine_options));
  EQUAL(32, sizeof(spook_pair_options));
  EQUAL(24, offsetof(spook_pair_options, write_timeout_ms));
  EQUAL(16, sizeof(spook_write_options));
  EQUAL(16, sizeof(spook_write_status));
  EQUAL(16, sizeof(spook_fingerprint));
  EQUAL(88, sizeof(spook_guard));
  EQUAL(24, offsetof(spook_guard, value));
  EQUAL(8, offsetof(spook_pair_options, schema));
  EQUAL(16, sizeof(spook_ticket_options));
  EQUAL(16, sizeof(spook_collapse_options));
  EQUAL(24, sizeof(spook_observe_options));
  EQUAL(16, offsetof(spook_observe_options, events));
  EQUAL(40, sizeof(spook_collapse_result));
  EQUAL(32, offsetof(spook_collapse_result, resolved));
  EQUAL(24, sizeof(spook_clock));
  EQUAL(32, sizeof(spook_dot));
  EQUAL(32, sizeof(spook_rule_options));
  EQUAL(64, sizeof(spook_rule_candidate));
  EQUAL(64, sizeof(spook_rule_call));
  EQUAL(64, sizeof(spook_rule_result));
  EQUAL(48, sizeof(spook_traffic));
  EQUAL(328, sizeof(spook_event));
  EQUAL(160, offsetof(spook_event, candidate)); /* Where the struct ended before events had kinds. */
  EQUAL(8, offsetof(spook_event, content));
  EQUAL(24, offsetof(spook_event, path));
  EQUAL(40, offsetof(spook_event, value));
  EQUAL(64, offsetof(spook_event, origin));
  EQUAL(80, offsetof(spook_event, state));
  EQUAL(104, offsetof(spook_event, gap_from));
  EQUAL(120, offsetof(spook_event, before));
}

static void every_code_has_texts(void) {
  CHECK(strcmp(spook_code_name(SPOOK_OK), "OK") == 0);
  int32_t code = SPOOK_E_NULL;
  for (; strcmp(spook_code_name(code), "unknown") != 0; code--) {
    CHECK(spook_code_name(code)[0] != 0 && spook_code_what(code)[0] != 0);
    CHECK(spook_code_fault(code)[0] != 0 && spook_code_advice(code)[0] != 0);
  }
  CHECK(code < SPOOK_E_CLOCK_SUSPECT); /* The numbers have no gap. */
  CHECK(strcmp(spook_code_name(SPOOK_E_NOT_FOUND), "NOT_FOUND") == 0);
  CHECK(strcmp(spook_code_fault(SPOOK_E_TIMEOUT), "environment") == 0);
  CHECK(strcmp(spook_code_name(1), "unknown") == 0 && strcmp(spook_code_name(INT32_MIN), "unknown") == 0);
  CHECK(strcmp(spook_code_name(INT32_MAX), "unknown") == 0);
}

static void an_error_tells_what_whose_fault_and_advice(void) {
  spook_engine *engine = new_engine();
  spook_pair *pair = new_pair(engine, "a");
  spook_buf buf = spook_buf_init();
  spook_error *error = NULL;
  EQUAL(SPOOK_E_NOT_FOUND, spook_read_state_json(pair, "/there", 6, &buf, &error));
  EQUAL(SPOOK_E_NOT_FOUND, spook_error_code(error));
  CHECK(strcmp(spook_error_name(error), "NOT_FOUND") == 0);
  CHECK(strcmp(spook_error_what(error), spook_code_what(SPOOK_E_NOT_FOUND)) == 0);
  CHECK(strcmp(spook_error_fault(error), "caller") == 0);
  CHECK(strcmp(spook_error_advice(error), spook_code_advice(SPOOK_E_NOT_FOUND)) == 0);
  CHECK(strstr(spook_error_detail(error), "/there") != NULL);
  CHECK(strstr(spook_error_text(error), "NOT_FOUND") != NULL && strstr(spook_error_text(error), "/there") != NULL);
  /* An error outlives what it tells of. */
  OK(spook_close, engine);
  EQUAL(SPOOK_E_NOT_FOUND, spook_error_code(error));
  spook_error_free(error);
}

static void lifecycles_have_names(void) {
  CHECK(strcmp(spook_lifecycle_name(SPOOK_LIFECYCLE_CREATED), "Created") == 0);
  CHECK(strcmp(spook_lifecycle_name(SPOOK_LIFECYCLE_SUPERPOSED_LOCAL), "Superposed(local)") == 0);
  CHECK(strcmp(spook_lifecycle_name(0), "unknown") == 0);
  CHECK(strcmp(spook_lifecycle_name(UINT32_MAX), "unknown") == 0);
}

/* Options of another version: more bytes behind the struct. */
typedef struct {
  spook_observe_options known;
  uint64_t added;
} later_options;

typedef struct {
  spook_engine_options known;
  uint64_t added;
} later_engine_options;

static void options_of_older_and_newer_headers(void) {
  spook_engine *engine = NULL;
  later_engine_options later;
  memset(&later, 0, sizeof later);
  later.known.struct_size = (uint32_t)sizeof later;
  OK(spook_open_with, &later.known, &engine);
  OK(spook_close, engine);
  later.added = 1;
  FAILS(SPOOK_E_INVALID, spook_open_with, &later.known, &engine);
  /* A header that ended after `listen`: what stands behind it is not looked at. */
  later.known = spook_engine_options_init();
  later.known.listen = SPOOK_LISTEN_ADDRESSES;
  later.known.struct_size = (uint32_t)offsetof(spook_engine_options, location);
  memset((char *)&later + later.known.struct_size, 0xff, sizeof later - later.known.struct_size);
  OK(spook_open_with, &later.known, &engine);
  spook_pair *pair = new_pair(engine, "a");
  spook_subscription *subscription = NULL;
  later_options observe;
  memset(&observe, 0, sizeof observe);
  static const uint32_t sizes[] = {0, 1, 4, 12, 15, 4096, UINT32_MAX};
  for (int i = 0; i < 7; i++) {
    observe.known.struct_size = sizes[i];
    FAILS(SPOOK_E_INVALID, spook_observe_poll, pair, NULL, 0, &observe.known, &subscription);
  }
  observe.known.struct_size = 8;
  OK(spook_observe_poll, pair, NULL, 0, &observe.known, &subscription);
  observe.known.struct_size = (uint32_t)sizeof observe;
  OK(spook_observe_poll, pair, NULL, 0, &observe.known, &subscription);
  OK(spook_close, engine);
}

static void structs_to_fill_of_newer_headers(void) {
  spook_engine *engine = new_engine();
  struct {
    spook_traffic known;
    uint64_t added;
    uint64_t behind;
  } later;
  memset(&later, 0x5a, sizeof later);
  later.known.struct_size = (uint32_t)(sizeof later.known + sizeof later.added);
  OK(spook_engine_traffic, engine, &later.known);
  EQUAL(sizeof later.known + sizeof later.added, later.known.struct_size);
  EQUAL(0, later.known.bytes_sent);
  EQUAL(0, later.added);
  CHECK(later.behind == 0x5a5a5a5a5a5a5a5a);
  later.known.struct_size = 20;
  FAILS(SPOOK_E_INVALID, spook_engine_traffic, engine, &later.known);
  OK(spook_close, engine);
}

static void values_out_of_range_are_refused(void) {
  spook_engine *engine = NULL;
  spook_engine_options options = spook_engine_options_init();
  options.listen = 7;
  FAILS(SPOOK_E_INVALID, spook_open_with, &options, &engine);
  options.listen = SPOOK_LISTEN_ADDRESSES;
  spook_text address = {"nonsense", 8};
  options.addresses = &address;
  options.address_count = 1;
  FAILS(SPOOK_E_ADDRESS, spook_open_with, &options, &engine);
  engine = new_engine();
  spook_pair *pair = NULL;
  spook_pair_options pair_options = spook_pair_options_init();
  pair_options.durability = 3;
  FAILS(SPOOK_E_INVALID, spook_create_pair, engine, "a", 1, NULL, &pair_options, &pair);
  FAILS(SPOOK_E_UTF8, spook_create_pair, engine, "\xff", 1, NULL, NULL, &pair);
  FAILS(SPOOK_E_TICKET_INVALID, spook_open_pair, engine, SPOOK_LITERAL("spook1xyz"), 0, &pair);
  OK(spook_close, engine);
}

static void an_id_has_a_text(void) {
  spook_id id;
  spook_buf text = spook_buf_init();
  memset(&id, 0xab, sizeof id);
  OK(spook_id_text, &id, &text);
  CHECK(buf_is(&text, "abababab-abab-abab-abab-abababababab", 36));
  spook_buf_free(&text);
}

int main(void) {
  static const test_case tests[] = {
      CASE(versions_agree),
      CASE(layouts_are_those_of_abi_1),
      CASE(every_code_has_texts),
      CASE(an_error_tells_what_whose_fault_and_advice),
      CASE(lifecycles_have_names),
      CASE(options_of_older_and_newer_headers),
      CASE(structs_to_fill_of_newer_headers),
      CASE(values_out_of_range_are_refused),
      CASE(an_id_has_a_text),
  };
  return RUN(tests);
}
