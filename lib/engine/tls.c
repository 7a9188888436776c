/*
 * TLS over a connected socket, by OpenSSL, for what JavaScript makes of it in lib/etcd/tls.quickjs.ts: the waiting, the
 * deadlines and the reading of files are done there. Nothing of OpenSSL is set up before the first connection.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls.h"

/* What tls_step answers when the socket has to become readable or writable first. */
enum { wants_read = -1, wants_write = -2 };
enum operation { handshake, receive, transmit };

/* The certificate is what verification found fault with, or else the first thing that OpenSSL has noted. */
static JSValue reason(JSContext *ctx, SSL *ssl, const char *otherwise)
{
	long verified = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
	unsigned long noted = ERR_peek_error();
	const char *text = verified != X509_V_OK ? X509_verify_cert_error_string(verified)
						 : noted ? ERR_reason_error_string(noted) : NULL;
	JSValue result = JS_NewString(ctx, text ? text : otherwise);
	ERR_clear_error();
	return result;
}

static BIO *bio_of(JSContext *ctx, JSValueConst bytes)
{
	size_t length;
	uint8_t *data = JS_GetUint8Array(ctx, &length, bytes);
	return data ? BIO_new_mem_buf(data, length) : NULL;
}

/* Every certificate of a PEM text; how many. */
static int trust(SSL_CTX *context, BIO *pem)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	int count = 0;
	for (X509 *certificate; (certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL)); X509_free(certificate))
		count += X509_STORE_add_cert(store, certificate);
	ERR_clear_error();
	return count;
}

/* The certificate of this side, those that lead from it to its issuer, and its key. */
static const char *present(SSL_CTX *context, BIO *certificates, BIO *key)
{
	X509 *certificate = PEM_read_bio_X509(certificates, NULL, NULL, NULL);
	if (!certificate || !SSL_CTX_use_certificate(context, certificate))
		return "there is no certificate in certFile";
	for (X509 *issuer; (issuer = PEM_read_bio_X509(certificates, NULL, NULL, NULL));)
		SSL_CTX_add0_chain_cert(context, issuer);
	ERR_clear_error();
	EVP_PKEY *private = PEM_read_bio_PrivateKey(key, NULL, NULL, "");
	if (!private)
		return "there is no private key in keyFile, or it has a password";
	if (!SSL_CTX_use_PrivateKey(context, private) || !SSL_CTX_check_private_key(context))
		return "the key in keyFile is not that of the certificate in certFile";
	return NULL;
}

/* tlsOpen(fd, name, authorities, certificates, key): a handle, or why there is none. */
static JSValue tls_open(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	if (!context)
		return reason(ctx, NULL, "out of memory");
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	if (trust(context, bio_of(ctx, argv[2])) == 0)
		return JS_NewString(ctx, "there is no certificate in caFile");
	if (!JS_IsUndefined(argv[3])) {
		const char *wrong = present(context, bio_of(ctx, argv[3]), bio_of(ctx, argv[4]));
		if (wrong)
			return JS_NewString(ctx, wrong);
	}

	int32_t fd;
	const char *name = JS_ToCString(ctx, argv[1]);
	SSL *ssl = SSL_new(context);
	if (JS_ToInt32(ctx, &fd, argv[0]) || !name || !ssl || !SSL_set_fd(ssl, fd))
		return reason(ctx, NULL, "out of memory");
	/* A certificate names addresses apart from names, and only names are told to the server. */
	int known = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) ||
		    (SSL_set1_host(ssl, name) && SSL_set_tlsext_host_name(ssl, name));
	JS_FreeCString(ctx, name);
	SSL_CTX_free(context);
	ERR_clear_error();
	SSL_set_connect_state(ssl);
	return known ? JS_NewInt64(ctx, (int64_t)ssl) : JS_NewString(ctx, "serverName is no name");
}

/* tlsStep(handle, operation, bytes): how many bytes, what it waits for, or what went wrong. */
static JSValue tls_step(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int64_t handle;
	int32_t operation;
	size_t length = 0;
	uint8_t *bytes = NULL;
	if (JS_ToInt64(ctx, &handle, argv[0]) || JS_ToInt32(ctx, &operation, argv[1]))
		return JS_EXCEPTION;
	if (operation != handshake && !(bytes = JS_GetUint8Array(ctx, &length, argv[2])))
		return JS_EXCEPTION;
	SSL *ssl = (SSL *)handle;
	int done = operation == handshake ? SSL_do_handshake(ssl)
		   : operation == receive ? SSL_read(ssl, bytes, length) : SSL_write(ssl, bytes, length);
	if (done > 0)
		return JS_NewInt32(ctx, done);
	switch (SSL_get_error(ssl, done)) {
	case SSL_ERROR_WANT_READ:
		return JS_NewInt32(ctx, wants_read);
	case SSL_ERROR_WANT_WRITE:
		return JS_NewInt32(ctx, wants_write);
	case SSL_ERROR_ZERO_RETURN:
		return JS_NewInt32(ctx, 0);
	default:
		return reason(ctx, ssl, "the connection was closed");
	}
}

/* tlsClose(handle) */
static JSValue tls_close(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int64_t handle;
	if (JS_ToInt64(ctx, &handle, argv[0]))
		return JS_EXCEPTION;
	/* Says goodbye without waiting for an answer. */
	SSL_shutdown((SSL *)handle);
	SSL_free((SSL *)handle);
	ERR_clear_error();
	return JS_UNDEFINED;
}

void define_tls(JSContext *ctx, JSValue host)
{
	JS_SetPropertyStr(ctx, host, "tlsOpen", JS_NewCFunction(ctx, tls_open, "tlsOpen", 5));
	JS_SetPropertyStr(ctx, host, "tlsStep", JS_NewCFunction(ctx, tls_step, "tlsStep", 3));
	JS_SetPropertyStr(ctx, host, "tlsClose", JS_NewCFunction(ctx, tls_close, "tlsClose", 1));
}
