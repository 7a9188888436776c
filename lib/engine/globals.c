/*
 * The few functions that JavaScript cannot do without. What they are is declared for TypeScript in host.ts.
 */
#include "globals.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sha512.h"
#include "tls.h"

extern char **environ;

static bool are_effects_allowed;

static JSValue too_early(JSContext *ctx)
{
	return JS_ThrowInternalError(ctx, "a module asks the kernel something when it is loaded: that would be answered once, "
					  "when the executable is built");
}

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
	if (!are_effects_allowed)
		return too_early(ctx);
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
	if (!are_effects_allowed)
		return too_early(ctx);
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return JS_NewFloat64(ctx, time.tv_sec * 1e3 + time.tv_nsec / 1e6);
}

/* Math.random(): the engine's own is seeded by the clock, and so the same in two plugins started together. */
static JSValue random_fraction(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	if (!are_effects_allowed)
		return too_early(ctx);
	uint64_t bits;
	if (getrandom(&bits, sizeof bits, 0) != sizeof bits)
		return JS_ThrowInternalError(ctx, "getrandom(2) failed");
	return JS_NewFloat64(ctx, (bits >> 11) * 0x1p-53);
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

void define_globals(JSContext *ctx)
{
	JSValue global = JS_GetGlobalObject(ctx);
	JSValue host = JS_NewObject(ctx), process = JS_NewObject(ctx), performance = JS_NewObject(ctx);
	define(ctx, host, "systemCall", system_call, 7);
	define(ctx, host, "addressOf", address_of, 1);
	define(ctx, host, "encodeUtf8", encode_utf8, 1);
	define(ctx, host, "decodeUtf8", decode_utf8, 1);
	define_sha512(ctx, host);
	define_tls(ctx, host);
	JS_SetPropertyStr(ctx, global, "host", host);

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

void define_process(JSContext *ctx, const char *name)
{
	JSValue global = JS_GetGlobalObject(ctx), process = JS_GetPropertyStr(ctx, global, "process");
	JS_SetPropertyStr(ctx, process, "argv0", JS_NewString(ctx, name));
	JS_SetPropertyStr(ctx, process, "env", environment(ctx));
	JS_SetPropertyStr(ctx, process, "pid", JS_NewInt32(ctx, getpid()));
	JS_FreeValue(ctx, process);
	JS_FreeValue(ctx, global);
}

void allow_effects(void)
{
	are_effects_allowed = true;
}
