import { quoteText } from "../../../cni/quote-text.ts";
import { formatAddress } from "../../../ip/address.ts";
import type { Finding } from "../../doctor/finding.ts";
import type { ClusterLook } from "./cluster-look.ts";

/** Keys and values that this release does not understand. Nobody but whoever wrote them knows what they are. */
export function foreignKeys({ keys }: ClusterLook): readonly Finding[] {
	const damaged = keys.pools.filter(({ pool }) => pool === undefined);
	const unreadable = keys.addresses.filter(({ record }) => record === undefined);
	return [
		...unreadable.map(({ address, kv }) => ({
			kv,
			what: `address ${formatAddress(address)}, whose holder cannot be read`,
		})),
		...damaged.map(({ kv }) => ({ kv, what: "a pool that cannot be understood, and is not used" })),
		...keys.foreign.map((kv) => ({ kv, what: "a key that is none of ours" })),
	].map(({ kv, what }) => ({
		key: `${kv.key} ${kv.modRevision}`,
		what,
		where: quoteText(kv.key),
		owner: {},
		verdict: { certainty: "unsure", reason: "another release may have written it" },
		remove: () => {},
	}));
}
