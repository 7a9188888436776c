/*
 * The engine's heap after every module has run, as it stands in the executable.
 */
#include <stdbool.h>

#include "quickjs.h"

struct snapshot {
	JSRuntime *runtime;
	JSContext *ctx;
	/* What the entry exports under this name: a function that makes a promise. */
	JSValue main;
};

/* What the executable holds; NULL in the one that makes it. */
struct snapshot *snapshot_held(void);

/* An empty one, whose runtime takes its memory from it. @return NULL without memory */
struct snapshot *snapshot_begin(void);

/* Writes all that was allocated since. @return whether that went well; errno says what did not */
bool snapshot_write(const char *path);
