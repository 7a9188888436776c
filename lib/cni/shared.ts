/** Opens something that is closed when the call has ended; what there is of it depends on the arguments alone. */
export type Opener<T extends Disposable, Of extends readonly string[]> = (...of: Of) => T;

/**
 * What a call has open: sockets, a namespace. Plugins that run in one process, such as the members of a chain, use the
 * same ones, each opened by the first that asks; to open a socket takes as long as a question or two. What fails to open
 * is tried again by whoever asks next.
 */
export type Shared = <T extends Disposable, Of extends readonly string[]>(open: Opener<T, Of>, ...of: Of) => T;

/** Shares until it is disposed, which closes the last first. */
export function createShared(): { readonly shared: Shared } & Disposable {
	const opened: { readonly open: unknown; readonly of: readonly string[]; readonly thing: Disposable }[] = [];
	return {
		shared<T extends Disposable, Of extends readonly string[]>(open: Opener<T, Of>, ...of: Of): T {
			const found = opened.find((other) => other.open === open && other.of.every((word, index) => word === of[index]));
			if (found !== undefined) return found.thing as T;
			const thing = open(...of);
			opened.push({ open, of, thing });
			return thing;
		},
		[Symbol.dispose]() {
			for (const { thing } of opened.splice(0).reverse()) thing[Symbol.dispose]();
		},
	};
}
