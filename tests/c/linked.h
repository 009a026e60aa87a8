/* Two engines that share a Pair, and what happens while they are apart. */
#ifndef SPOOK_TESTS_LINKED_H
#define SPOOK_TESTS_LINKED_H

#include "check.h"

static inline spook_engine *opened_at(const char *location, const char *address) {
  spook_engine_options options = spook_engine_options_init();
  spook_text text = {address, strlen(address)};
  spook_engine *engine = NULL;
  options.location.data = location;
  options.location.len = strlen(location);
  options.listen = SPOOK_LISTEN_ADDRESSES;
  options.addresses = &text;
  options.address_count = address[0] != 0;
  OK(spook_open_with, &options, &engine);
  return engine;
}

static inline spook_engine *listening_on(const char *address) {
  return opened_at("", address);
}

static inline spook_pair *opened_by_ticket(spook_pair *from, spook_engine *to) {
  spook_buf ticket = spook_buf_init();
  spook_pair *pair = NULL;
  OK(spook_pair_ticket, from, NULL, &ticket);
  CHECK(strncmp((const char *)ticket.data, "spook1", 6) == 0);
  OK(spook_open_pair, to, (const char *)ticket.data, ticket.len, 30000, &pair);
  spook_buf_free(&ticket);
  return pair;
}

static inline void settle(spook_pair *pair) {
  spook_collapse_options options = spook_collapse_options_init();
  spook_collapse_result result = spook_collapse_result_init();
  options.settled = 1;
  options.timeout_ms = 60000;
  OK(spook_collapse, pair, &options, &result);
  EQUAL(1, result.settled);
}

static inline spook_pair *new_pair_with(spook_engine *engine, const char *name, const char *schema) {
  spook_pair_options options = spook_pair_options_init();
  spook_pair *pair = NULL;
  options.schema.data = schema;
  options.schema.len = strlen(schema);
  OK(spook_create_pair, engine, name, strlen(name), NULL, &options, &pair);
  return pair;
}

static inline spook_pair *found(spook_engine *engine, const char *name) {
  spook_pair *pair = NULL;
  OK(spook_open_pair, engine, name, strlen(name), 0, &pair);
  return pair;
}

static inline void write_json(spook_pair *pair, const char *path, const char *json) {
  OK(spook_write_state_json, pair, path, strlen(path), json, strlen(json), NULL);
}

/* What is read must be that JSON. */
static inline void reads(spook_pair *pair, const char *path, const char *json) {
  spook_buf out = spook_buf_init();
  OK(spook_read_state_json, pair, path, strlen(path), &out);
  if (!buf_is(&out, json, strlen(json))) fail(__FILE__, __LINE__, (const char *)out.data, 0);
  spook_buf_free(&out);
}

static inline int holds(const spook_buf *json, const char *words) {
  return strstr((const char *)json->data, words) != NULL;
}

/* Two engines with ledgers, so that each can be away for a while. Both hold the Pair "a". */
typedef struct {
  char folder[32], home_path[48], phone_path[48], address[64];
  spook_engine *home, *phone;
  spook_pair *first, *second;
  void (*prepare)(spook_engine *engine); /* Called with each engine that opens; may be NULL. */
} halves;

static inline spook_engine *halves_open(const halves *self, int is_home) {
  spook_engine *engine = is_home ? opened_at(self->home_path, self->address) : opened_at(self->phone_path, "");
  if (self->prepare != NULL) self->prepare(engine);
  return engine;
}

static inline void halves_begin(halves *self, const char *schema, void (*prepare)(spook_engine *engine)) {
  memset(self, 0, sizeof *self);
  self->prepare = prepare;
  strcpy(self->folder, "/tmp/spook-c-XXXXXX");
  CHECK(mkdtemp(self->folder) != NULL);
  snprintf(self->home_path, sizeof self->home_path, "%s/home.spook", self->folder);
  snprintf(self->phone_path, sizeof self->phone_path, "%s/phone.spook", self->folder);
  snprintf(self->address, sizeof self->address, "unix:%s/socket", self->folder);
  self->home = halves_open(self, 1);
  self->phone = halves_open(self, 0);
  self->first = new_pair_with(self->home, "a", schema);
  self->second = opened_by_ticket(self->first, self->phone);
  settle(self->second);
  settle(self->first);
}

/* Each half writes a JSON value at the path while the other is away; then they meet again, and everything settles. */
static inline void halves_write_apart(halves *self, const char *path, const char *at_home, const char *at_phone) {
  OK(spook_close, self->home);
  write_json(self->second, path, at_phone);
  OK(spook_close, self->phone);
  self->home = halves_open(self, 1);
  self->first = found(self->home, "a");
  write_json(self->first, path, at_home);
  self->phone = halves_open(self, 0);
  self->second = found(self->phone, "a");
  settle(self->first);
  settle(self->second);
}

static inline void halves_end(halves *self) {
  OK(spook_close, self->phone);
  OK(spook_close, self->home);
  unlink(self->home_path);
  unlink(self->phone_path);
  unlink(self->address + strlen("unix:"));
  rmdir(self->folder);
}

/* Takes events until one is of that kind. */
static inline void next_of_kind(spook_subscription *subscription, uint32_t kind, spook_event *event) {
  do {
    spook_event_free(event);
    OK(spook_subscription_next, subscription, 60000, event);
  } while (event->kind != kind);
}

#endif
