/** What host.c gives to JavaScript beyond the language, besides `process`, `performance` and `Math.random`. */
export interface Host {
	/** syscall(2) with up to six numbers or typed arrays, whose memory is passed; an error comes back as -errno. */
	systemCall(number: number, ...args: readonly (number | ArrayBufferView)[]): number;
	/** Where the bytes of a typed array are, for structures that hold pointers. */
	addressOf(view: ArrayBufferView): number;
	/** Lone surrogates come out as three bytes each, which is no UTF-8. */
	encodeUtf8(text: string): Uint8Array<ArrayBuffer>;
	/** U+FFFD stands for what is no UTF-8. */
	decodeUtf8(bytes: Uint8Array): string;
}

declare global {
	/** Only in the executable of the plugins. */
	var host: Host;
}
