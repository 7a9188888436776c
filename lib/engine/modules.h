/* The table that compile.c writes: the modules of the executable, ended by one without a name. */
#include <stdint.h>

struct module {
	const char *name;
	const uint8_t *bytecode;
	uint32_t size;
};

extern const struct module modules[];
