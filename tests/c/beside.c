/* libspook.a in one program with another Rust static library. */
#include "check.h"

#ifdef __cplusplus
extern "C"
#endif
int32_t other_library_adds(int32_t a, int32_t b);

static void both_work(void) {
  spook_engine *engine = new_engine();
  write_int(new_pair(engine, "a"), "/x", 1);
  EQUAL(5, other_library_adds(2, 3));
  OK(spook_close, engine);
}

int main(void) {
  static const test_case tests[] = {CASE(both_work)};
  return RUN(tests);
}
