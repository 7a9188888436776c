/*
 * Makes the snapshot, as the last step but one of a build: compiles the modules and runs them, all but `main`.
 */
#include "make-snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "globals.h"
#include "snapshot.h"

/* Nothing is collected below this: cycles are rare in a run of milliseconds, and looking for them is not free. */
static const size_t collect_from_bytes = 64 << 20;
/* The engine's own limit; the kernel's, 8 MiB as a rule, lies well above it. */
static const size_t stack_bytes = 4 << 20;

struct module {
	const char *name;
	uint8_t *bytecode;
	size_t size;
};

static struct module *modules;
static int module_count;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void fail_with(JSContext *ctx, const char *what, JSValue thrown)
{
	JSValue stack = JS_GetPropertyStr(ctx, thrown, "stack");
	fprintf(stderr, "%s: %s\n%s", what, JS_ToCString(ctx, thrown), JS_ToCString(ctx, stack));
	exit(1);
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	if (!file || fseek(file, 0, SEEK_END))
		fail(path);
	*size = ftell(file);
	rewind(file);
	char *text = calloc(*size + 1, 1);
	if (!text || fread(text, 1, *size, file) != *size)
		fail(path);
	fclose(file);
	return text;
}

static int nothing(JSContext *ctx, JSModuleDef *module)
{
	return 0;
}

/* An import only has to be known by its name while the module that has it is compiled. */
static JSModuleDef *stand_in(JSContext *ctx, const char *name, void *opaque)
{
	return JS_NewCModule(ctx, name, nothing);
}

static char *same_name(JSContext *ctx, const char *importer, const char *name, void *opaque)
{
	return js_strdup(ctx, name);
}

/* In a runtime of its own, so that neither the compiler's traces nor eval() come into the snapshot. */
static void compile(struct module *module, const char *path)
{
	JSRuntime *runtime = JS_NewRuntime();
	JSContext *ctx = JS_NewContext(runtime);
	JS_SetModuleLoaderFunc(runtime, same_name, stand_in, NULL);
	size_t length;
	char *text = read_file(path, &length);
	module->name = file_name(path);
	JSValue compiled = JS_Eval(ctx, text, length, module->name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
	if (JS_IsException(compiled))
		fail_with(ctx, path, JS_GetException(ctx));
	module->bytecode = JS_WriteObject(ctx, &module->size, compiled, JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE);
}

/* Modules are named by their file; imports write "./NAME". */
static char *module_name(JSContext *ctx, const char *importer, const char *name, void *opaque)
{
	return js_strdup(ctx, strncmp(name, "./", 2) == 0 ? name + 2 : name);
}

static JSModuleDef *load_module(JSContext *ctx, const char *name, void *opaque)
{
	for (int i = 0; i < module_count; i++) {
		if (strcmp(modules[i].name, name) != 0)
			continue;
		JSValue module = JS_ReadObject(ctx, modules[i].bytecode, modules[i].size, JS_READ_OBJ_BYTECODE);
		return JS_IsException(module) ? NULL : JS_VALUE_GET_PTR(module);
	}
	JS_ThrowReferenceError(ctx, "no module \"%s\"", name);
	return NULL;
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

/* @return what the module exports */
static JSValue run_module(JSContext *ctx, const char *name)
{
	JSValue loaded = JS_LoadModule(ctx, "", name);
	JSContext *at;
	while (JS_ExecutePendingJob(JS_GetRuntime(ctx), &at) > 0)
		;
	if (JS_PromiseState(ctx, loaded) != JS_PROMISE_FULFILLED)
		fail_with(ctx, name, JS_PromiseResult(ctx, loaded));
	JSValue exports = JS_PromiseResult(ctx, loaded);
	JS_FreeValue(ctx, loaded);
	return exports;
}

/*
 * The engine's tables of names and of shapes grow by being built anew, which writes to each of the things in them: a call
 * in which that happened would copy hundreds of pages. They never shrink: what has once been in them has left room.
 */
static void leave_room(JSContext *ctx)
{
	enum { count = 2048 };
	JSAtom names[count];
	for (int i = 0; i < count; i++) {
		char name[32];
		snprintf(name, sizeof name, "room for name %d", i);
		names[i] = JS_NewAtom(ctx, name);
	}
	for (int i = count; i > 0; i--)
		JS_FreeAtom(ctx, names[i - 1]);

	/* What has a prototype of its own has a shape of its own. */
	JSValue object = JS_NewObject(ctx);
	for (int i = 0; i < count / 4; i++) {
		JSValue heir = JS_NewObjectProto(ctx, object);
		JS_FreeValue(ctx, object);
		object = heir;
	}
	JS_FreeValue(ctx, object);
}

int make_snapshot(const char *path, int count, char **module_paths)
{
	module_count = count;
	modules = calloc(count, sizeof *modules);
	for (int i = 0; i < count; i++)
		compile(&modules[i], module_paths[i]);

	struct snapshot *snapshot = snapshot_begin();
	JSContext *ctx = snapshot ? new_context(snapshot->runtime) : NULL;
	if (!ctx)
		fail("snapshot");
	snapshot->ctx = ctx;
	JS_SetGCThreshold(snapshot->runtime, collect_from_bytes);
	JS_SetMaxStackSize(snapshot->runtime, stack_bytes);
	JS_SetModuleLoaderFunc(snapshot->runtime, module_name, load_module, NULL);
	define_globals(ctx);
	for (int i = 0; i < count; i++) {
		JSValue exports = run_module(ctx, modules[i].name);
		if (strcmp(modules[i].name, "entry.js") == 0)
			snapshot->main = JS_GetPropertyStr(ctx, exports, "main");
		JS_FreeValue(ctx, exports);
	}
	leave_room(ctx);
	JS_RunGC(snapshot->runtime);
	if (!snapshot_write(path))
		fail(path);
	return 0;
}
