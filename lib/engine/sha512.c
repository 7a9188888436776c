/*
 * SHA-512 by OpenSSL; by its older functions, as the newer ones set up providers first, which takes as long as all the
 * rest of a call.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "sha512.h"

#include <openssl/sha.h>

/* sha512(bytes): the digest. */
static JSValue sha512(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	size_t length;
	uint8_t *bytes = JS_GetUint8Array(ctx, &length, argv[0]), digest[SHA512_DIGEST_LENGTH];
	SHA512_CTX state;
	if (!bytes)
		return JS_EXCEPTION;
	SHA512_Init(&state);
	SHA512_Update(&state, bytes, length);
	SHA512_Final(digest, &state);
	return JS_NewUint8ArrayCopy(ctx, digest, sizeof digest);
}

void define_sha512(JSContext *ctx, JSValue host)
{
	JS_SetPropertyStr(ctx, host, "sha512", JS_NewCFunction(ctx, sha512, "sha512", 1));
}
