/*
 * Watches a machine that somebody shares, and sets its target value.
 *
 *   cc watcher.c $(pkg-config --cflags --libs spook) -o watcher
 *   ./watcher LEDGER TICKET        the first time
 *   ./watcher LEDGER machine       from then on: the Pair is in the ledger
 *
 * Reads commands from its standard input, one a line: `target NUMBER`, `note TEXT`, `report`, `quit`. Prints one line for each change and each
 * command. Everything it writes it keeps, also while the other side is away.
 */
#include <poll.h>
#include <spook.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct spook_engine *engine;
static struct spook_pair *pair;

static void check(int32_t code, struct spook_error **error, const char *what) {
  if (code == SPOOK_OK) return;
  fprintf(stderr, "%s: %s\n", what, *error ? spook_error_text(*error) : spook_code_name(code));
  exit(1);
}

/* Changes: what came from the other side since the last call, oldest first. */
static void print_changes(struct spook_subscription *subscription, const struct spook_id *me) {
  for (;;) {
    struct spook_event event = spook_event_init();
    struct spook_error *error = NULL;
    int32_t code = spook_subscription_next(subscription, 0, &event, &error);
    if (code == SPOOK_E_TIMEOUT) {
      spook_error_free(error);
      return;
    }
    check(code, &error, "next change");
    if ((event.kind == SPOOK_EVENT_CHANGED || event.kind == SPOOK_EVENT_DELETED) && memcmp(&event.origin, me, sizeof *me) != 0) {
      struct spook_buf value = {0};
      check(spook_event_json(&event, &value, &error), &error, "value of a change");
      printf("change %llu %.*s %.*s\n", (unsigned long long)event.seq, (int)event.path.len, event.path.data, (int)value.len,
             (const char *)value.data);
      spook_buf_free(&value);
    }
    spook_event_free(&event);
  }
}

static void write_json(const char *path, const char *json) {
  struct spook_error *error = NULL;
  struct spook_candidate candidate;
  check(spook_write_state_json(pair, path, strlen(path), json, strlen(json), &candidate, &error), &error, path);
  printf("wrote %s %s as number %llu\n", path, json, (unsigned long long)candidate.number);
}

/* One line that says where this half stands: settled or not, its digest, what went over the wire. */
static void report(void) {
  struct spook_error *error = NULL;
  struct spook_collapse_options options = spook_collapse_options_init();
  struct spook_collapse_result result = {0};
  struct spook_traffic traffic = {0};
  struct spook_lifecycle life = {0};
  options.settled = 1;
  options.timeout_ms = 500;
  result.struct_size = sizeof result;
  traffic.struct_size = sizeof traffic;
  check(spook_collapse(pair, &options, &result, &error), &error, "collapse");
  check(spook_engine_traffic(engine, &traffic, &error), &error, "traffic");
  check(spook_pair_lifecycle(pair, &life, &error), &error, "lifecycle");
  printf("report settled=%d digest=", (int)result.settled);
  for (size_t i = 0; i < sizeof result.state.digest; i++) printf("%02x", result.state.digest[i]);
  printf(" sent=%llu received=%llu messages=%llu handshakes=%llu lifecycle=%s\n", (unsigned long long)traffic.bytes_sent,
         (unsigned long long)traffic.bytes_received, (unsigned long long)(traffic.messages_sent + traffic.messages_received),
         (unsigned long long)traffic.handshakes, spook_lifecycle_name(life.name));
}

static int obey(char *line) {
  line[strcspn(line, "\r\n")] = '\0';
  if (strncmp(line, "target ", 7) == 0) {
    write_json("/target", line + 7);
  } else if (strncmp(line, "note ", 5) == 0) {
    char json[256];
    snprintf(json, sizeof json, "\"%.200s\"", line + 5);
    write_json("/note", json);
  } else if (strcmp(line, "report") == 0) {
    report();
  } else if (strcmp(line, "quit") == 0) {
    return 0;
  } else {
    printf("unknown command: %s\n", line);
  }
  return 1;
}

int main(int argc, char **argv) {
  struct spook_error *error = NULL;
  struct spook_subscription *changes = NULL;
  struct spook_id me;
  struct spook_engine_options options = spook_engine_options_init();
  int32_t descriptor = -1;
  char line[512];
  if (argc != 3) {
    fprintf(stderr, "usage: %s LEDGER TICKET-OR-NAME\n", argv[0]);
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  options.location.data = argv[1];
  options.location.len = strlen(argv[1]);
  options.listen = SPOOK_LISTEN_ADDRESSES; /* and no address: this side only dials */
  check(spook_open_with(&options, &engine, &error), &error, "open the ledger");
  check(spook_open_pair(engine, argv[2], strlen(argv[2]), 20000, &pair, &error), &error, "open the Pair");
  check(spook_endpoint_id(engine, &me, &error), &error, "own name");
  check(spook_observe_poll(pair, "", 0, NULL, &changes, &error), &error, "observe");
  check(spook_subscription_fd(changes, &descriptor, &error), &error, "descriptor");
  printf("ready libspook %s\n", spook_version());
  for (;;) {
    struct pollfd waits[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = descriptor, .events = POLLIN}};
    if (poll(waits, 2, -1) < 0) continue;
    if (waits[1].revents) print_changes(changes, &me);
    /* Unbuffered, so that a line which has come is never left waiting behind poll(). */
    if (waits[0].revents) {
      size_t len = 0;
      while (len + 1 < sizeof line && read(STDIN_FILENO, line + len, 1) == 1 && line[len++] != '\n') {
      }
      line[len] = '\0';
      if (len == 0 || !obey(line)) break;
    }
  }
  check(spook_close(engine, &error), &error, "close");
  return 0;
}
