/*
 * The executable that plugins run in: the QuickJS engine, the suite's modules as bytecode, and the few functions that
 * JavaScript cannot do without. What they are is declared for TypeScript in host.ts.
 *
 * It starts in less than a millisecond, where Bun takes four: a plugin is a fresh process per call, and ends before a
 * compiler of any kind could pay off.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "modules.h"
#include "quickjs.h"

/* Nothing is collected below this: cycles are rare in a run of milliseconds, and looking for them is not free. */
static const size_t collect_from_bytes = 64 << 20;
/* The engine's own limit; the kernel's, 8 MiB as a rule, lies well above it. */
static const size_t stack_bytes = 4 << 20;

extern char **environ;

static uint8_t *memory_of(JSContext *ctx, JSValueConst view)
{
	size_t offset, length, size;
	JSValue buffer = JS_GetTypedArrayBuffer(ctx, view, &offset, &length, NULL);
	if (JS_IsException(buffer))
		return NULL;
	uint8_t *bytes = JS_GetArrayBuffer(ctx, &size, buffer);
	JS_FreeValue(ctx, buffer);
	return bytes ? bytes + offset : NULL;
}

/* systemCall(number, ...up to six numbers or typed arrays): what the kernel returns, an error as -errno. */
static JSValue system_call(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	long words[7] = {0};
	for (int i = 0; i < argc && i < 7; i++) {
		if (JS_IsNumber(argv[i])) {
			int64_t number;
			if (JS_ToInt64(ctx, &number, argv[i]))
				return JS_EXCEPTION;
			words[i] = number;
		} else {
			uint8_t *memory = memory_of(ctx, argv[i]);
			if (!memory)
				return JS_EXCEPTION;
			words[i] = (long)memory;
		}
	}
	long returned = syscall(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
	return JS_NewInt64(ctx, returned == -1 ? -errno : returned);
}

/* addressOf(view): where its bytes are, for structures that hold pointers. */
static JSValue address_of(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	uint8_t *memory = memory_of(ctx, argv[0]);
	return memory ? JS_NewInt64(ctx, (long)memory) : JS_EXCEPTION;
}

/* encodeUtf8(text): its bytes. */
static JSValue encode_utf8(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	size_t length;
	const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
	if (!text)
		return JS_EXCEPTION;
	JSValue bytes = JS_NewUint8ArrayCopy(ctx, (const uint8_t *)text, length);
	JS_FreeCString(ctx, text);
	return bytes;
}

/* decodeUtf8(bytes): the text, with U+FFFD for what is no UTF-8. */
static JSValue decode_utf8(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	size_t length;
	uint8_t *bytes = JS_GetUint8Array(ctx, &length, argv[0]);
	return bytes ? JS_NewStringLen(ctx, (const char *)bytes, length) : JS_EXCEPTION;
}

/* performance.now(): milliseconds of the monotonic clock. */
static JSValue now(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return JS_NewFloat64(ctx, time.tv_sec * 1e3 + time.tv_nsec / 1e6);
}

/* Math.random(): the engine's own is seeded by the clock, and so the same in two plugins started together. */
static JSValue random_fraction(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	uint64_t bits;
	if (getrandom(&bits, sizeof bits, 0) != sizeof bits)
		return JS_ThrowInternalError(ctx, "getrandom(2) failed");
	return JS_NewFloat64(ctx, (bits >> 11) * 0x1p-53);
}

/* load(name): a promise of the module, as import() makes; that needs the names of files, which the bytecode lacks. */
static JSValue load(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const char *name = JS_ToCString(ctx, argv[0]);
	if (!name)
		return JS_EXCEPTION;
	JSValue module = JS_LoadModule(ctx, "", name);
	JS_FreeCString(ctx, name);
	return module;
}

static void define(JSContext *ctx, JSValue object, const char *name, JSCFunction *function, int length)
{
	JS_SetPropertyStr(ctx, object, name, JS_NewCFunction(ctx, function, name, length));
}

static JSValue environment(JSContext *ctx)
{
	JSValue variables = JS_NewObjectProto(ctx, JS_NULL);
	for (char **entry = environ; *entry; entry++) {
		const char *sign = strchr(*entry, '=');
		if (!sign)
			continue;
		JSAtom name = JS_NewAtomLen(ctx, *entry, sign - *entry);
		/* Of two of one name the first counts, as for getenv(3). */
		if (JS_HasProperty(ctx, variables, name) == 0)
			JS_SetProperty(ctx, variables, name, JS_NewString(ctx, sign + 1));
		JS_FreeAtom(ctx, name);
	}
	return variables;
}

static void define_globals(JSContext *ctx, int argc, char **argv)
{
	JSValue global = JS_GetGlobalObject(ctx);
	JSValue host = JS_NewObject(ctx), process = JS_NewObject(ctx), performance = JS_NewObject(ctx);
	define(ctx, host, "systemCall", system_call, 7);
	define(ctx, host, "addressOf", address_of, 1);
	define(ctx, host, "encodeUtf8", encode_utf8, 1);
	define(ctx, host, "decodeUtf8", decode_utf8, 1);
	define(ctx, host, "load", load, 1);
	JS_SetPropertyStr(ctx, global, "host", host);

	JS_SetPropertyStr(ctx, process, "argv0", JS_NewString(ctx, argc > 0 ? argv[0] : ""));
	JSValue words = JS_NewArray(ctx);
	for (int i = 0; i < argc; i++)
		JS_SetPropertyUint32(ctx, words, i, JS_NewString(ctx, argv[i]));
	JS_SetPropertyStr(ctx, process, "argv", words);
	JS_SetPropertyStr(ctx, process, "env", environment(ctx));
	JS_SetPropertyStr(ctx, process, "pid", JS_NewInt32(ctx, getpid()));
#ifdef __aarch64__
	JS_SetPropertyStr(ctx, process, "arch", JS_NewString(ctx, "arm64"));
#else
	JS_SetPropertyStr(ctx, process, "arch", JS_NewString(ctx, "x64"));
#endif
	JS_SetPropertyStr(ctx, global, "process", process);

	define(ctx, performance, "now", now, 0);
	JS_SetPropertyStr(ctx, global, "performance", performance);
	JSValue math = JS_GetPropertyStr(ctx, global, "Math");
	define(ctx, math, "random", random_fraction, 0);
	JS_FreeValue(ctx, math);
	JS_FreeValue(ctx, global);
}

/* Modules are named by their file; imports write "./NAME". */
static char *module_name(JSContext *ctx, const char *importer, const char *name, void *opaque)
{
	return js_strdup(ctx, strncmp(name, "./", 2) == 0 ? name + 2 : name);
}

static JSValue read_module(JSContext *ctx, const char *name)
{
	for (const struct module *module = modules; module->name; module++) {
		if (strcmp(module->name, name) == 0)
			return JS_ReadObject(ctx, module->bytecode, module->size, JS_READ_OBJ_BYTECODE);
	}
	return JS_ThrowReferenceError(ctx, "no module \"%s\"", name);
}

static JSModuleDef *load_module(JSContext *ctx, const char *name, void *opaque)
{
	JSValue module = read_module(ctx, name);
	return JS_IsException(module) ? NULL : JS_VALUE_GET_PTR(module);
}

static int fail(JSContext *ctx, JSValue thrown)
{
	const char *text = JS_ToCString(ctx, thrown);
	JSValue stack = JS_GetPropertyStr(ctx, thrown, "stack");
	const char *trace = JS_ToCString(ctx, stack);
	fprintf(stderr, "%s\n%s", text ? text : "unknown error", trace ? trace : "");
	return 1;
}

/* The parts of the language that the suite may use; no eval, no proxies. */
static JSContext *new_context(JSRuntime *runtime)
{
	JSContext *ctx = JS_NewContextRaw(runtime);
	if (!ctx || JS_AddIntrinsicBaseObjects(ctx) || JS_AddIntrinsicDate(ctx) || JS_AddIntrinsicRegExp(ctx) ||
	    JS_AddIntrinsicJSON(ctx) || JS_AddIntrinsicMapSet(ctx) || JS_AddIntrinsicTypedArrays(ctx) ||
	    JS_AddIntrinsicPromise(ctx) || JS_AddIntrinsicBigInt(ctx))
		return NULL;
	JS_AddIntrinsicRegExpCompiler(ctx);
	return ctx;
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
	hold_standard_descriptors();
	/* A runtime that does not read the answer is an error of write(2), and no reason to die half-way. */
	signal(SIGPIPE, SIG_IGN);

	JSRuntime *runtime = JS_NewRuntime();
	JSContext *ctx = runtime ? new_context(runtime) : NULL;
	if (!ctx) {
		fputs("Cannot start: out of memory\n", stderr);
		return 1;
	}
	JS_SetGCThreshold(runtime, collect_from_bytes);
	JS_SetMaxStackSize(runtime, stack_bytes);
	JS_SetModuleLoaderFunc(runtime, module_name, load_module, NULL);
	define_globals(ctx, argc, argv);

	JSValue entry = read_module(ctx, "entry.js");
	if (JS_IsException(entry) || JS_ResolveModule(ctx, entry) < 0)
		return fail(ctx, JS_GetException(ctx));
	JSValue evaluated = JS_EvalFunction(ctx, entry);
	if (JS_IsException(evaluated))
		return fail(ctx, JS_GetException(ctx));
	JSContext *at;
	int jobs;
	while ((jobs = JS_ExecutePendingJob(runtime, &at)) > 0)
		;
	if (jobs < 0)
		return fail(at, JS_GetException(at));
	switch (JS_PromiseState(ctx, evaluated)) {
	case JS_PROMISE_REJECTED:
		return fail(ctx, JS_PromiseResult(ctx, evaluated));
	case JS_PROMISE_PENDING:
		fputs("Cannot go on: everything waits for something else\n", stderr);
		return 1;
	default:
		return 0;
	}
}
