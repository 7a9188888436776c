/*
 * The memory of a snapshot, at an address that never changes: pointers within it, and from it to functions and constants
 * of an executable that is not relocated, hold in every process.
 *
 * While the snapshot is made, blocks are cut from that memory one behind the other. bin/link then puts what was written
 * into a section of the executable, at the same address, and everything else stays where it was. There the blocks are
 * ordinary memory, of which the kernel copies the pages that are written to; they are never freed, and new ones come
 * from malloc(3).
 */
#include "snapshot.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* SNAPSHOT_AT and the section between these two come from bin/link. */
extern uint8_t snapshot_start[], snapshot_end[];

static const size_t most_bytes = 64 << 20;

/* Behind the last block. */
static uint8_t *end = snapshot_end;
static bool is_being_made;

struct block {
	size_t size;
	_Alignas(16) uint8_t bytes[];
};

static bool is_within(const void *memory)
{
	return (uintptr_t)memory >= SNAPSHOT_AT && (const uint8_t *)memory < end;
}

static size_t size_of(const void *memory)
{
	if (!is_within(memory))
		return malloc_usable_size((void *)memory);
	return ((const struct block *)((const uint8_t *)memory - sizeof(struct block)))->size;
}

static void *allocate(void *opaque, size_t size)
{
	if (!is_being_made)
		return malloc(size);
	struct block *block = (struct block *)end;
	size = (size + 15) & ~(size_t)15;
	if (size > SNAPSHOT_AT + most_bytes - (uintptr_t)block->bytes)
		return NULL;
	block->size = size;
	end = block->bytes + size;
	return block->bytes;
}

static void *allocate_zeros(void *opaque, size_t count, size_t size)
{
	if (!is_being_made)
		return calloc(count, size);
	void *memory = allocate(opaque, count * size);
	return memory ? memset(memory, 0, count * size) : NULL;
}

/* What is freed while the snapshot is made stays as a gap: that is a file somewhat longer, and no page touched. */
static void release(void *opaque, void *memory)
{
	if (!is_within(memory))
		free(memory);
}

static void *resize(void *opaque, void *memory, size_t size)
{
	if (!is_within(memory) && !is_being_made)
		return realloc(memory, size);
	size_t before = memory ? size_of(memory) : 0;
	void *resized = allocate(opaque, size);
	return resized && memory ? memcpy(resized, memory, before < size ? before : size) : resized;
}

struct snapshot *snapshot_held(void)
{
	return end == snapshot_start ? NULL : (struct snapshot *)((struct block *)snapshot_start)->bytes;
}

struct snapshot *snapshot_begin(void)
{
	static const JSMallocFunctions functions = {allocate_zeros, allocate, release, resize, size_of};
	end = mmap((void *)SNAPSHOT_AT, most_bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (end == MAP_FAILED)
		return NULL;
	is_being_made = true;
	struct snapshot *snapshot = allocate_zeros(NULL, 1, sizeof *snapshot);
	snapshot->runtime = JS_NewRuntime2(&functions, NULL);
	return snapshot->runtime ? snapshot : NULL;
}

bool snapshot_write(const char *path)
{
	FILE *file = fopen(path, "wb");
	size_t size = end - (uint8_t *)SNAPSHOT_AT;
	bool is_written = file && fwrite((void *)SNAPSHOT_AT, 1, size, file) == size;
	return file && fclose(file) == 0 && is_written;
}
