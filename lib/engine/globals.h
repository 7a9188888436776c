#include <stdbool.h>

#include "quickjs.h"

/* What host.ts declares, but for what only a running process knows. */
void define_globals(JSContext *ctx);

/* The name that the process was started by, its environment and its number. */
void define_process(JSContext *ctx, const char *name);

/* Reading the clock, the kernel, chance: nothing of that may go into a snapshot. */
void allow_effects(void);
