/*
 * compile OUTPUT.S OUTPUT.bin MODULE.js ...: compiles ECMAScript modules to bytecode, and writes it (OUTPUT.bin) with an
 * assembler file that puts it and the table of modules.h into an executable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quickjs.h"

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	if (!file || fseek(file, 0, SEEK_END)) {
		perror(path);
		exit(1);
	}
	*size = ftell(file);
	rewind(file);
	char *text = calloc(*size + 1, 1);
	if (!text || fread(text, 1, *size, file) != *size) {
		perror(path);
		exit(1);
	}
	fclose(file);
	return text;
}

static int nothing(JSContext *ctx, JSModuleDef *module)
{
	return 0;
}

/* An import only has to be known by its name here; the host finds the module when it runs. */
static JSModuleDef *stand_in(JSContext *ctx, const char *name, void *opaque)
{
	return JS_NewCModule(ctx, name, nothing);
}

static char *same_name(JSContext *ctx, const char *importer, const char *name, void *opaque)
{
	return js_strdup(ctx, name);
}

static uint8_t *compile(JSContext *ctx, const char *path, size_t *size)
{
	size_t length;
	char *text = read_file(path, &length);
	JSValue module = JS_Eval(ctx, text, length, file_name(path), JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
	if (JS_IsException(module)) {
		JSValue thrown = JS_GetException(ctx), stack = JS_GetPropertyStr(ctx, thrown, "stack");
		fprintf(stderr, "%s: %s\n%s", path, JS_ToCString(ctx, thrown), JS_ToCString(ctx, stack));
		exit(1);
	}
	return JS_WriteObject(ctx, size, module, JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_DEBUG);
}

int main(int argc, char **argv)
{
	FILE *assembler = argc > 3 ? fopen(argv[1], "w") : NULL, *binary = assembler ? fopen(argv[2], "wb") : NULL;
	if (!binary) {
		fputs("usage: compile OUTPUT.S OUTPUT.bin MODULE.js ...\n", stderr);
		return 2;
	}
	fprintf(assembler, "\t.section .rodata\n\t.balign 16\nbytecode:\n\t.incbin \"%s\"\n", argv[2]);
	fputs("\t.section .data.rel.ro,\"aw\"\n\t.balign 8\n\t.globl modules\nmodules:\n", assembler);
	JSRuntime *runtime = JS_NewRuntime();
	JS_SetModuleLoaderFunc(runtime, same_name, stand_in, NULL);
	size_t offset = 0;
	for (int i = 3; i < argc; i++) {
		/* A context each, which knows no module of the same name. */
		JSContext *ctx = JS_NewContext(runtime);
		size_t size;
		uint8_t *bytes = compile(ctx, argv[i], &size);
		fwrite(bytes, 1, size, binary);
		fprintf(assembler, "\t.quad name%d, bytecode + %zu\n\t.long %zu, 0\n", i, offset, size);
		offset += size;
	}
	fputs("\t.quad 0, 0, 0\n", assembler);
	for (int i = 3; i < argc; i++)
		fprintf(assembler, "name%d:\t.asciz \"%s\"\n", i, file_name(argv[i]));
	fputs("\t.section .note.GNU-stack,\"\",%progbits\n", assembler);
	if (fclose(assembler) || fclose(binary)) {
		perror("compile");
		return 1;
	}
	return 0;
}
