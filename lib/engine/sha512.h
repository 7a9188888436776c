#pragma once
#include "quickjs.h"

/* Adds sha512 to the object `host`; host.ts says what it does. */
void define_sha512(JSContext *ctx, JSValue host);
