import { formatPrefix, hostPrefix, networkOf, parseAddress, parsePrefix } from "../../ip/address.ts";
import { splitWords } from "./saved-rule.ts";

/** Other names of the same options. */
const aliases: Readonly<Record<string, string>> = {
	"--source": "-s",
	"--src": "-s",
	"--destination": "-d",
	"--dst": "-d",
	"--in-interface": "-i",
	"--out-interface": "-o",
	"--protocol": "-p",
	"--proto": "-p",
	"--match": "-m",
	"--jump": "-j",
	"--destination-ports": "--dports",
	"--destination-port": "--dport",
	"--source-ports": "--sports",
	"--source-port": "--sport",
};

/** Comments are cut off by either suite and by iptables, at lengths that differ by one. */
const comparedLength = 250;

/**
 * A form in which two specifications of the same rule are equal, in whatever order their options stand, and whether
 * somebody wrote them or iptables-save: `-s 10.1.2.3` and `-s 10.1.2.3/32`, with and without the match that `-p` implies.
 */
export function canonicalRule(specification: string): string {
	const groups = groupsOf(splitWords(specification));
	const protocol = groups.find(([option]) => option === "-p")?.[1];
	return groups
		.filter(([option, value]) => !(option === "-m" && value === protocol))
		.map(([option, ...values]) => [option, ...values.map((value) => canonicalValue(option, value))].join(" "))
		.sort()
		.join("\n");
}

/** `! -s 10.1.2.3` gives `["! -s", "10.1.2.3"]`: each option with its values. */
function groupsOf(words: readonly string[]): readonly (readonly string[])[] {
	const groups: string[][] = [];
	let negation = "";
	for (const word of words) {
		if (word === "!") {
			negation = "! ";
		} else if (/^-{1,2}[A-Za-z]/.test(word)) {
			groups.push([`${negation}${aliases[word] ?? word}`]);
			negation = "";
		} else {
			groups.at(-1)?.push(word);
		}
	}
	return groups;
}

function canonicalValue(option: string | undefined, value: string): string {
	if (option === "--comment") return value.slice(0, comparedLength);
	if (option === undefined || !/^(! )?-[sd]$/.test(option)) return value;
	const address = parseAddress(value);
	const prefix = address === undefined ? parsePrefix(value) : hostPrefix(address);
	return prefix === undefined ? value : formatPrefix(networkOf(prefix));
}
