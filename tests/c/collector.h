/* An observer that counts, and can be waited for. */
#ifndef SPOOK_TESTS_COLLECTOR_H
#define SPOOK_TESTS_COLLECTOR_H

#include "check.h"

typedef struct collector collector;

struct collector {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int calls;       /* Calls that have begun. */
  int returned;    /* Calls that have returned. */
  int drops;       /* Calls of drop. */
  uint64_t last_seq;
  uint64_t gap_from, gap_to;
  int64_t last_number;
  int is_held;     /* Calls wait until it is 0. */
  spook_pair *pair;
  void (*act)(collector *self, const spook_event *event); /* What a test does inside the observer; may be NULL. */
};

static inline void collector_init(collector *self, spook_pair *pair) {
  memset(self, 0, sizeof *self);
  pthread_mutex_init(&self->mutex, NULL);
  pthread_cond_init(&self->changed, NULL);
  self->pair = pair;
}

static inline void collector_destroy(collector *self) {
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->mutex);
}

/* Waits until one of the collector's numbers reaches a value. */
static inline void wait_for(collector *self, const int *number, int at_least) {
  struct timespec end = deadline();
  pthread_mutex_lock(&self->mutex);
  while (*number < at_least) {
    if (pthread_cond_timedwait(&self->changed, &self->mutex, &end) != 0) fail(__FILE__, __LINE__, "waited in vain", *number);
  }
  pthread_mutex_unlock(&self->mutex);
}

static inline int number_of(collector *self, const int *number) {
  pthread_mutex_lock(&self->mutex);
  int value = *number;
  pthread_mutex_unlock(&self->mutex);
  return value;
}

static inline void hold(collector *self, int is_held) {
  pthread_mutex_lock(&self->mutex);
  self->is_held = is_held;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->mutex);
}

static inline void collect(void *user_data, const spook_event *event) {
  collector *self = (collector *)user_data;
  pthread_mutex_lock(&self->mutex);
  CHECK(self->drops == 0);
  CHECK(self->calls == self->returned); /* One at a time. */
  self->calls++;
  if (event->kind == SPOOK_EVENT_GAP) {
    self->gap_from = event->gap_from;
    self->gap_to = event->gap_to;
  } else if (event->kind != SPOOK_EVENT_TRANSITION) {
    CHECK(event->seq > self->last_seq); /* In order. */
    self->last_seq = event->seq;
    if (event->value.kind == SPOOK_INT64) self->last_number = event->value.as.int64;
  }
  pthread_cond_broadcast(&self->changed);
  while (self->is_held) pthread_cond_wait(&self->changed, &self->mutex);
  pthread_mutex_unlock(&self->mutex);
  if (self->act != NULL) self->act(self, event);
  pthread_mutex_lock(&self->mutex);
  self->returned++;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->mutex);
}

static inline void count_drop(void *user_data) {
  collector *self = (collector *)user_data;
  pthread_mutex_lock(&self->mutex);
  CHECK(self->calls == self->returned); /* After the last call has returned. */
  self->drops++;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->mutex);
}

static inline spook_subscription *observed_by(collector *self, const char *prefix, const spook_observe_options *options) {
  spook_subscription *subscription = NULL;
  OK(spook_observe, self->pair, prefix, strlen(prefix), options, collect, self, count_drop, &subscription);
  return subscription;
}

#endif
