import { quoteText } from "../../cni/quote-text.ts";
import { type IpAddress, sameAddress } from "../../ip/address.ts";
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

/**
 * By the namespace's identity where the witness knows it, which may be alive without its path; else by the path.
 *
 * The kernel gives the number of a namespace that has ended to the next one. One that is not at its path any more is
 * therefore taken for the same only where it has one of the addresses, or none is known.
 *
 * @param addresses of the attachment, whoever knows them
 */
export function sandboxState(
	{ sandbox: { path, namespace }, since }: Witness,
	{ addresses, namespaces, bootedAt }: { addresses: readonly IpAddress[]; namespaces: Namespaces; bootedAt: number },
): SandboxState {
	if (path === connectedSandbox) return alive;
	const present = lookAt(path);
	const has = (identity: string) => {
		const content = namespaces.contentOf(identity);
		return content?.addresses.some((other) => addresses.some((address) => sameAddress(other.address, address)));
	};
	if (namespaces.all.has(namespace)) {
		const isSame = present === namespace || addresses.length === 0 || has(namespace) !== false;
		return isSame ? alive : gone(`namespace ${quoteText(path)} is gone, and another has its number`);
	}
	// In another mount namespace: that it is the same cannot be told, nor that it is not.
	const isVisible = typeof present === "string" && isSameDevice(present, namespaces.own);
	if (namespace === "" && !isVisible && namespaces.isBound(path)) return alive;
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
	const isOfEarlierBoot = since !== undefined && since < bootedAt;
	if (isOfEarlierBoot && addresses.length > 0 && has(present) === false) {
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
