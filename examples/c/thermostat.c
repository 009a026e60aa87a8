/*
 * A thermostat and its remote control share one Pair.
 *
 *   thermostat home.spook             creates the Pair (once), prints a ticket, and prints every change
 *   thermostat phone.spook TICKET     pairs with it (once)
 *   thermostat phone.spook set 22.5   sets the temperature
 *
 * cc thermostat.c $(pkg-config --cflags --libs spook) -o thermostat
 */
#include <spook.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program with what happened, whose fault it is, and what to do. */
static void must(int32_t code, spook_error *error) {
  if (code == SPOOK_OK) return;
  fprintf(stderr, "%s\n", spook_error_text(error));
  exit(1);
}

static void print_change(void *user_data, const spook_event *event) {
  (void)user_data;
  spook_buf json = spook_buf_init();
  if (spook_event_json(event, &json, NULL) == SPOOK_OK) {
    printf("%.*s = %s\n", (int)event->path.len, event->path.data, (char *)json.data);
    fflush(stdout);
  }
  spook_buf_free(&json);
}

int main(int argc, char **argv) {
  if (argc < 2) return fprintf(stderr, "usage: thermostat LEDGER [TICKET | set TEMPERATURE]\n"), 2;
  spook_error *error = NULL;
  spook_engine *engine = NULL;
  spook_pair *pair = NULL;
  must(spook_open(argv[1], strlen(argv[1]), &engine, &error), error);

  if (argc == 3) {
    must(spook_open_pair(engine, argv[2], strlen(argv[2]), 10000, &pair, &error), error);
    printf("paired\n");
  } else if (argc == 4) {
    spook_value target = spook_float64(atof(argv[3]));
    spook_collapse_options wait = spook_collapse_options_init();
    spook_collapse_result result = spook_collapse_result_init();
    wait.settled = 1;
    wait.timeout_ms = 10000;
    must(spook_open_pair(engine, SPOOK_LITERAL("thermostat"), 0, &pair, &error), error);
    must(spook_write_state(pair, SPOOK_LITERAL("/target"), &target, NULL, &error), error);
    /* Not needed for the write, which is in the ledger: only to say that the other side has it, too. */
    int32_t code = spook_collapse(pair, &wait, &result, NULL);
    printf(code == SPOOK_OK ? "set\n" : "set; it travels when the other side is back\n");
  } else {
    spook_value initial = spook_json(SPOOK_LITERAL("{\"target\": 21.5, \"mode\": \"heat\"}"));
    spook_subscription *changes = NULL;
    if (spook_open_pair(engine, SPOOK_LITERAL("thermostat"), 0, &pair, NULL) == SPOOK_E_NOT_FOUND) {
      spook_buf ticket = spook_buf_init();
      must(spook_create_pair(engine, SPOOK_LITERAL("thermostat"), &initial, NULL, &pair, &error), error);
      must(spook_pair_ticket(pair, NULL, &ticket, &error), error);
      printf("%s\n", (char *)ticket.data);
      fflush(stdout);
      spook_buf_free(&ticket);
    }
    must(spook_observe(pair, NULL, 0, NULL, print_change, NULL, NULL, &changes, &error), error);
    getchar(); /* until Enter */
  }
  must(spook_close(engine, &error), error);
  return 0;
}
