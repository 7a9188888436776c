/*
 * The executable that plugins run in: the QuickJS engine with the suite's modules, as they are after they were loaded.
 *
 * A plugin is a fresh process per call, and ends before a compiler of any kind could pay off. Most of the time of such a
 * process would go into reading code and running modules, with the same outcome each time; here that is done once, when
 * the executable is built, and its heap becomes a part of the executable.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "globals.h"
#include "make-snapshot.h"
#include "snapshot.h"

static int fail(JSContext *ctx, JSValue thrown)
{
	const char *text = JS_ToCString(ctx, thrown);
	JSValue stack = JS_GetPropertyStr(ctx, thrown, "stack");
	const char *trace = JS_ToCString(ctx, stack);
	fprintf(stderr, "%s\n%s", text ? text : "unknown error", trace ? trace : "");
	return 1;
}

/* What we open must not become 0, 1 or 2 because the caller closed that. Using those is the error that it was before. */
static void hold_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
	}
}

int main(int argc, char **argv)
{
	struct snapshot *snapshot = snapshot_held();
	if (!snapshot)
		return make_snapshot(argv[1], argc - 2, argv + 2);

	hold_standard_descriptors();
	/* A runtime that does not read the answer is an error of write(2), and no reason to die half-way. */
	signal(SIGPIPE, SIG_IGN);

	JSContext *ctx = snapshot->ctx;
	JS_UpdateStackTop(snapshot->runtime);
	define_process(ctx, argc, argv);
	allow_effects();
	JSValue promise = JS_Call(ctx, snapshot->main, JS_UNDEFINED, 0, NULL);
	if (JS_IsException(promise))
		return fail(ctx, JS_GetException(ctx));
	JSContext *at;
	int jobs;
	while ((jobs = JS_ExecutePendingJob(snapshot->runtime, &at)) > 0)
		;
	if (jobs < 0)
		return fail(at, JS_GetException(at));
	switch (JS_PromiseState(ctx, promise)) {
	case JS_PROMISE_REJECTED:
		return fail(ctx, JS_PromiseResult(ctx, promise));
	case JS_PROMISE_PENDING:
		fputs("Cannot go on: everything waits for something else\n", stderr);
		return 1;
	default:
		return 0;
	}
}
