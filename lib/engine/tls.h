#pragma once
#include "quickjs.h"

/* Adds tlsOpen, tlsStep and tlsClose to the object `host`; host.ts says what they do. Costs nothing until one is called. */
void define_tls(JSContext *ctx, JSValue host);
