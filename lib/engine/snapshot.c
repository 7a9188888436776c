/*
 * The memory of a snapshot, at an address that never changes: pointers within it, and from it to functions and constants
 * of an executable that is not relocated, hold in every process.
 *
 * While the snapshot is made, blocks are cut from that memory one behind the other, or used again when they were freed.
 * bin/link then puts what was written into a section of the executable, at the same address, and everything else stays
 * where it was. There the blocks are ordinary memory, of which the kernel copies the pages that are written to; they are
 * never freed, and new ones come from malloc(3).
 */
#include "snapshot.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A section of the executable, from bin/link: zeros where the snapshot is made, and then what it came to. */
extern uint8_t snapshot_start[], snapshot_end[];

/* Where the next block goes; NULL when the snapshot is not to change any more. */
static uint8_t *next;

struct block {
	size_t size;
	/* Among those that were freed while the snapshot is made. */
	struct block *next_free;
	_Alignas(16) uint8_t bytes[];
};

static struct block *first_free;

static const size_t page_size = 4096;

static size_t round_up(size_t number, size_t multiple)
{
	return (number + multiple - 1) / multiple * multiple;
}

static struct block *block_of(const void *memory)
{
	return (struct block *)((const uint8_t *)memory - sizeof(struct block));
}

static bool is_within(const void *memory)
{
	return (const uint8_t *)memory >= snapshot_start && (const uint8_t *)memory < snapshot_end;
}

static size_t size_of(const void *memory)
{
	if (!is_within(memory))
		return malloc_usable_size((void *)memory);
	return block_of(memory)->size;
}

static void *allocate(void *opaque, size_t size)
{
	if (!next)
		return malloc(size);
	size = round_up(size, 16);
	/* Most are of a few sizes, those that the engine cuts small things from. */
	for (struct block **at = &first_free; *at; at = &(*at)->next_free) {
		struct block *free = *at;
		if (free->size != size)
			continue;
		*at = free->next_free;
		return free->bytes;
	}
	uint8_t *bytes = next + sizeof(struct block);
	/* The engine cuts small things from blocks of about a page: each on one page, not on two. */
	if (size > page_size / 2)
		bytes = (uint8_t *)round_up((size_t)bytes, page_size);
	if (bytes + size > snapshot_end)
		return NULL;
	struct block *block = block_of(bytes);
	block->size = size;
	next = block->bytes + size;
	return block->bytes;
}

static void *allocate_zeros(void *opaque, size_t count, size_t size)
{
	if (!next)
		return calloc(count, size);
	void *memory = allocate(opaque, count * size);
	return memory ? memset(memory, 0, count * size) : NULL;
}

static void release(void *opaque, void *memory)
{
	if (!is_within(memory)) {
		free(memory);
	} else if (next) {
		struct block *block = block_of(memory);
		block->next_free = first_free;
		first_free = block;
	}
}

static void *resize(void *opaque, void *memory, size_t size)
{
	if (!is_within(memory) && !next)
		return realloc(memory, size);
	size_t before = memory ? size_of(memory) : 0;
	void *resized = allocate(opaque, size);
	if (!resized || !memory)
		return resized;
	memcpy(resized, memory, before < size ? before : size);
	release(opaque, memory);
	return resized;
}

/* The first block. */
static struct snapshot *root(void)
{
	return (struct snapshot *)((struct block *)snapshot_start)->bytes;
}

struct snapshot *snapshot_held(void)
{
	return root()->runtime ? root() : NULL;
}

struct snapshot *snapshot_begin(void)
{
	static const JSMallocFunctions functions = {allocate_zeros, allocate, release, resize, size_of};
	next = snapshot_start;
	allocate_zeros(NULL, 1, sizeof(struct snapshot));
	root()->runtime = JS_NewRuntime2(&functions, NULL);
	return root()->runtime ? root() : NULL;
}

bool snapshot_write(const char *path)
{
	FILE *file = fopen(path, "wb");
	size_t size = next - snapshot_start;
	bool is_written = file && fwrite(snapshot_start, 1, size, file) == size;
	return file && fclose(file) == 0 && is_written;
}
