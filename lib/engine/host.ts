/** What globals.c gives to JavaScript beyond the language, besides `process`, `performance` and `Math.random`. */
export interface Host {
	/** syscall(2) with up to six numbers or typed arrays, whose memory is passed; an error comes back as -errno. */
	systemCall(number: number, ...args: readonly (number | ArrayBufferView)[]): number;
	/** Where the bytes of a typed array are, for structures that hold pointers. */
	addressOf(view: ArrayBufferView): number;
	/** Lone surrogates come out as three bytes each, which is no UTF-8. */
	encodeUtf8(text: string): Uint8Array<ArrayBuffer>;
	/** U+FFFD stands for what is no UTF-8. */
	decodeUtf8(bytes: Uint8Array): string;
	/** 64 bytes. */
	sha512(bytes: Uint8Array): Uint8Array;
	/**
	 * Prepares TLS over a connected socket, with certificates and key as PEM: a handle, or what is wrong. `name` is the name
	 * or address that the other side must have.
	 */
	tlsOpen(
		fd: number,
		name: string,
		authorities: Uint8Array,
		certificates: Uint8Array | undefined,
		key: Uint8Array | undefined,
	): number | string;
	/**
	 * Shakes hands (0), receives into `bytes` (1) or sends of them (2). How many bytes it were, 0 at the end; -1 when the
	 * socket has to become readable first, -2 writable; or what went wrong.
	 */
	tlsStep(handle: number, operation: number, bytes?: Uint8Array): number | string;
	/** Not the socket. */
	tlsClose(handle: number): void;
}

declare global {
	/** Only in the executable of the plugins. */
	var host: Host;
}
