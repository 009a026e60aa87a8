/* A test program of the C interface: checks, and what most programs need. Compiles as C99 and as C++17. */
#ifndef SPOOK_TESTS_CHECK_H
#define SPOOK_TESTS_CHECK_H

#define _POSIX_C_SOURCE 200809L

#include "spook.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *current_test = "?";

/* Ends the program: a test that went on after a failed check would only tell of its consequences. */
static inline void fail(const char *file, int line, const char *what, long long got) {
  printf("test %s ... FAILED\n---- %s stdout ----\n%s:%d: %s (got %lld)\n", current_test, current_test, file, line, what, got);
  printf("test result: FAILED. 0 passed; 1 failed;\n");
  fflush(stdout);
  _exit(1);
}

#define CHECK(condition) ((condition) ? (void)0 : fail(__FILE__, __LINE__, #condition, 0))

#define EQUAL(expected, actual)                                                             \
  do {                                                                                      \
    long long actual_ = (long long)(actual);                                                \
    if ((long long)(expected) != actual_) fail(__FILE__, __LINE__, #actual " == " #expected, actual_); \
  } while (0)

/* A call that must succeed; its last argument is added here, so that the error can be told. */
#define OK(function, ...)                                                 \
  do {                                                                    \
    spook_error *error_ = NULL;                                           \
    int32_t code_ = function(__VA_ARGS__, &error_);                       \
    if (code_ != SPOOK_OK) fail(__FILE__, __LINE__, spook_error_text(error_), code_); \
    CHECK(error_ == NULL);                                                \
  } while (0)

/* A call that must fail with this code, and with an error object that says the same. */
#define FAILS(expected, function, ...)                     \
  do {                                                     \
    spook_error *error_ = NULL;                            \
    EQUAL(expected, function(__VA_ARGS__, &error_));       \
    EQUAL(expected, spook_error_code(error_));             \
    spook_error_free(error_);                              \
    EQUAL(expected, function(__VA_ARGS__, NULL));          \
  } while (0)

typedef struct {
  const char *name;
  void (*run)(void);
} test_case;

#define CASE(function) {#function, function}

static inline int run_tests(const test_case *tests, size_t count) {
  for (size_t i = 0; i < count; i++) {
    current_test = tests[i].name;
    tests[i].run();
    printf("test %s ... ok\n", tests[i].name);
  }
  printf("test result: ok. %d passed; 0 failed;\n", (int)count);
  fflush(stdout);
  return 0;
}

#define RUN(tests) run_tests(tests, sizeof(tests) / sizeof(tests[0]))

/* An engine in memory that listens nowhere, and a Pair in it. */
static inline spook_engine *new_engine(void) {
  spook_engine_options options = spook_engine_options_init();
  options.listen = SPOOK_LISTEN_ADDRESSES;
  spook_engine *engine = NULL;
  OK(spook_open_with, &options, &engine);
  return engine;
}

static inline spook_pair *new_pair(spook_engine *engine, const char *name) {
  spook_pair *pair = NULL;
  OK(spook_create_pair, engine, name, strlen(name), NULL, NULL, &pair);
  return pair;
}

/* Short forms for the tests in which values are not the point. */
static inline void write_int(spook_pair *pair, const char *path, int64_t number) {
  spook_value value = spook_int64(number);
  OK(spook_write_state, pair, path, strlen(path), &value, NULL);
}

static inline int64_t read_int(spook_pair *pair, const char *path) {
  spook_value value = spook_null();
  spook_buf content = spook_buf_init();
  OK(spook_read_state, pair, path, strlen(path), &value, &content);
  EQUAL(SPOOK_INT64, value.kind);
  CHECK(content.data == NULL && content.len == 0);
  return value.as.int64;
}

static inline int text_is(spook_text text, const char *expected) {
  return text.len == strlen(expected) && (text.len == 0 || memcmp(text.data, expected, text.len) == 0);
}

static inline int buf_is(const spook_buf *buf, const void *expected, size_t len) {
  return buf->len == len && (len == 0 || memcmp(buf->data, expected, len) == 0);
}

static inline void sleep_ms(long ms) {
  struct timespec time;
  time.tv_sec = ms / 1000;
  time.tv_nsec = ms % 1000 * 1000000;
  nanosleep(&time, NULL);
}

/* A moment far enough away that whoever waits for it waits in vain. */
static inline struct timespec deadline(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_sec += 60;
  return time;
}

#endif
