import { quoteText } from "../../cni/quote-text.ts";
import { sameAddress } from "../../ip/address.ts";
import { Errno, errnoOf } from "../../linux/errno.ts";
import { stat } from "../../linux/files.ts";
import type { Namespaces } from "./namespaces.ts";
import { connectedSandbox, type Witness } from "./witness.ts";

/**
 * What has become of a namespace that somebody names. `gone`: surely, and why, in words that follow "its". `unknown`:
 * nothing can be said.
 */
export type SandboxState =
	| { readonly kind: "alive" }
	| { readonly kind: "gone"; readonly why: string }
	| { readonly kind: "unknown" };

const alive: SandboxState = { kind: "alive" };
const unknown: SandboxState = { kind: "unknown" };
const gone = (why: string): SandboxState => ({ kind: "gone", why });

/** By the namespace's identity where the witness knows it, which may be alive without its path; else by the path. */
export function sandboxState(
	{ sandbox: { path, namespace }, addresses, since }: Witness,
	{ namespaces, bootedAt }: { namespaces: Namespaces; bootedAt: number },
): SandboxState {
	if (path === connectedSandbox || namespaces.all.has(namespace)) return alive;
	const present = lookAt(path);
	if (typeof present === "number") {
		const isAbsent = path !== "" && (present === Errno.ENOENT || present === Errno.ENOTDIR);
		return isAbsent ? gone(`namespace ${quoteText(path)} is gone`) : unknown;
	}
	if (namespace !== "") {
		if (present === namespace) return alive;
		return gone(`namespace ${quoteText(path)} is gone, and another is at its path`);
	}
	if (!isSameDevice(present, namespaces.own)) {
		return gone(`namespace ${quoteText(path)} is gone, and its file is an empty one`);
	}
	// No container is attached in the host's own: the path has come to lead there.
	if (present === namespaces.own) return unknown;
	const content = namespaces.contentOf(present);
	const hasAny = addresses.some((address) => content?.addresses.some((other) => sameAddress(other.address, address)));
	const isOfEarlierBoot = since !== undefined && since < bootedAt;
	if (isOfEarlierBoot && content !== undefined && addresses.length > 0 && !hasAny) {
		return gone(`namespace ended with the last boot, and the one at ${quoteText(path)} has none of its addresses`);
	}
	return alive;
}

/** Device and inode of what is at a path, or the errno. */
function lookAt(path: string): string | number {
	try {
		return stat(path).identity;
	} catch (thrown) {
		return errnoOf(thrown);
	}
}

/** All namespaces are files of one file system, whose device no other file has. */
function isSameDevice(one: string, other: string): boolean {
	return one.replace(/:\d+$/, "") === other.replace(/:\d+$/, "");
}
