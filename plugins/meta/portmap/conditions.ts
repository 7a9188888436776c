import { CniError, ErrorCode } from "../../../lib/cni/error.ts";

/** What a condition may consist of: no blanks, quotes or control characters, and nothing that ends a rule. */
const plainToken = /^[A-Za-z0-9_.:/,{}@!=<>&|^*+%-]+$/;

/** An interface's name as `nft` takes it. */
const quotedName = /^"[A-Za-z0-9_.:*-]+"$/;

/** Conditions narrow a rule; these would make it another one. */
const statements = new Set([
	..."accept continue dnat drop dup fwd goto jump log masquerade queue redirect reject return set snat tproxy".split(
		" ",
	),
	..."-A -D -F -I -N -P -R -X -g -j -t --append --delete --flush --goto --insert --jump --new-chain --table".split(" "),
]);

/** @throws CniError code 7 for a token that is none, or that does more than narrow the rule */
export function validateConditions(conditions: Readonly<Record<string, readonly string[]>>): void {
	for (const [key, tokens] of Object.entries(conditions)) {
		for (const token of tokens) {
			if (plainToken.test(token) || quotedName.test(token) ? statements.has(token) : true) {
				throw new CniError(
					ErrorCode.invalidNetworkConfig,
					`failed to parse config: Invalid token in "${key}": ${JSON.stringify(token)}`,
					{
						details: 'Each token is one word of a match, such as "ip", "saddr", "192.0.2.0/24" or "-s", "192.0.2.0/24"',
					},
				);
			}
		}
	}
}

/** Names of iptables chains: 28 characters at most. @throws CniError code 7 */
export function validateChainName(name: string): void {
	if (/^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,27}$/.test(name)) return;
	throw new CniError(
		ErrorCode.invalidNetworkConfig,
		`failed to parse config: Invalid name in "externalSetMarkChain": ${JSON.stringify(name)}`,
		{
			details: "Chains have names of 1 to 28 letters, digits, _, ., : and -",
		},
	);
}
