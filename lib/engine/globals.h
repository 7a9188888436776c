#include <stdbool.h>

#include "quickjs.h"

/* What host.ts declares, but for what only a running process knows. */
void define_globals(JSContext *ctx);

/* The words that the process was started with, its environment and its number. */
void define_process(JSContext *ctx, int argc, char **argv);

/* Reading the clock, the kernel, chance: nothing of that may go into a snapshot. */
void allow_effects(void);
