/*
 * Made here, in the program's own language, so that sizeof is that of the header which the program was built with.
 */

/** A text literal as the two arguments that functions take: spook_open(SPOOK_LITERAL("home.spook"), &engine, NULL). */
#define SPOOK_LITERAL(text) (text), (sizeof(text) - 1)

static inline spook_engine_options spook_engine_options_init(void) {
  spook_engine_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = (uint32_t)sizeof options;
  return options;
}

static inline spook_pair_options spook_pair_options_init(void) {
  spook_pair_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = (uint32_t)sizeof options;
  return options;
}

static inline spook_ticket_options spook_ticket_options_init(void) {
  spook_ticket_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = (uint32_t)sizeof options;
  return options;
}

static inline spook_collapse_options spook_collapse_options_init(void) {
  spook_collapse_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = (uint32_t)sizeof options;
  return options;
}

static inline spook_observe_options spook_observe_options_init(void) {
  spook_observe_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = (uint32_t)sizeof options;
  return options;
}

static inline spook_write_options spook_write_options_init(void) {
  spook_write_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = (uint32_t)sizeof options;
  return options;
}

static inline spook_rule_options spook_rule_options_init(void) {
  spook_rule_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = (uint32_t)sizeof options;
  return options;
}

static inline spook_collapse_result spook_collapse_result_init(void) {
  spook_collapse_result result;
  memset(&result, 0, sizeof result);
  result.struct_size = (uint32_t)sizeof result;
  return result;
}

static inline spook_traffic spook_traffic_init(void) {
  spook_traffic traffic;
  memset(&traffic, 0, sizeof traffic);
  traffic.struct_size = (uint32_t)sizeof traffic;
  return traffic;
}

static inline spook_write_status spook_write_status_init(void) {
  spook_write_status status;
  memset(&status, 0, sizeof status);
  status.struct_size = (uint32_t)sizeof status;
  return status;
}

static inline spook_clock spook_clock_init(void) {
  spook_clock clock;
  memset(&clock, 0, sizeof clock);
  clock.struct_size = (uint32_t)sizeof clock;
  return clock;
}

static inline spook_event spook_event_init(void) {
  spook_event event;
  memset(&event, 0, sizeof event);
  event.struct_size = (uint32_t)sizeof event;
  return event;
}

static inline spook_buf spook_buf_init(void) {
  spook_buf buf;
  memset(&buf, 0, sizeof buf);
  return buf;
}

/** A value of the given kind without content: SPOOK_NULL. */
static inline spook_value spook_value_of_kind(uint32_t kind) {
  spook_value value;
  memset(&value, 0, sizeof value);
  value.kind = kind;
  return value;
}

static inline spook_value spook_null(void) {
  return spook_value_of_kind(SPOOK_NULL);
}

static inline spook_value spook_bool(bool flag) {
  spook_value value = spook_value_of_kind(SPOOK_BOOL);
  value.as.boolean = flag ? 1 : 0;
  return value;
}

static inline spook_value spook_int64(int64_t number) {
  spook_value value = spook_value_of_kind(SPOOK_INT64);
  value.as.int64 = number;
  return value;
}

static inline spook_value spook_uint64(uint64_t number) {
  spook_value value = spook_value_of_kind(SPOOK_UINT64);
  value.as.uint64 = number;
  return value;
}

static inline spook_value spook_float64(double number) {
  spook_value value = spook_value_of_kind(SPOOK_FLOAT64);
  value.as.float64 = number;
  return value;
}

/** Text; the value borrows it. */
static inline spook_value spook_string(const char *data, size_t len) {
  spook_value value = spook_value_of_kind(SPOOK_STRING);
  value.as.text.data = data;
  value.as.text.len = len;
  return value;
}

/** Bytes; the value borrows them. */
static inline spook_value spook_bytes_value(const void *data, size_t len) {
  spook_value value = spook_value_of_kind(SPOOK_BYTES);
  value.as.bytes.data = (const uint8_t *)data;
  value.as.bytes.len = len;
  return value;
}

/** A tree as JSON; the value borrows the text. */
static inline spook_value spook_json(const char *data, size_t len) {
  spook_value value = spook_string(data, len);
  value.kind = SPOOK_JSON;
  return value;
}

/** A tree as CBOR; the value borrows the bytes. */
static inline spook_value spook_cbor(const void *data, size_t len) {
  spook_value value = spook_bytes_value(data, len);
  value.kind = SPOOK_CBOR;
  return value;
}

/** An operation; it borrows path and value. SPOOK_DELETE takes spook_null(), which is not looked at. */
static inline spook_operation spook_operation_of(uint32_t action, const char *path, size_t path_len, spook_value value) {
  spook_operation operation;
  memset(&operation, 0, sizeof operation);
  operation.action = action;
  operation.path.data = path;
  operation.path.len = path_len;
  operation.value = value;
  return operation;
}

static inline spook_guard spook_guard_of_kind(uint32_t expect, const char *path, size_t path_len) {
  spook_guard guard;
  memset(&guard, 0, sizeof guard);
  guard.expect = expect;
  guard.path.data = path;
  guard.path.len = path_len;
  return guard;
}

/** The path has this value. Guards borrow path and value. */
static inline spook_guard spook_guard_equals(const char *path, size_t path_len, spook_value value) {
  spook_guard guard = spook_guard_of_kind(SPOOK_EXPECT_EQUALS, path, path_len);
  guard.value = value;
  return guard;
}

/** Nothing is at the path. */
static inline spook_guard spook_guard_absent(const char *path, size_t path_len) {
  return spook_guard_of_kind(SPOOK_EXPECT_ABSENT, path, path_len);
}

/** The path has a number or text in a range, both bounds included; one of them may be of kind SPOOK_NONE, which is any. */
static inline spook_guard spook_guard_range(const char *path, size_t path_len, spook_value min, spook_value max) {
  spook_guard guard = spook_guard_of_kind(SPOOK_EXPECT_RANGE, path, path_len);
  guard.value = min;
  guard.max = max;
  return guard;
}

/** Nothing was written at or below the path since that fingerprint was read. */
static inline spook_guard spook_guard_unchanged(const char *path, size_t path_len, spook_fingerprint since) {
  spook_guard guard = spook_guard_of_kind(SPOOK_EXPECT_UNCHANGED, path, path_len);
  guard.since = since;
  return guard;
}
