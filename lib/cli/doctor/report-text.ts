import { plainLine, plainText } from "../plain-text.ts";
import type { Examination, Examined } from "./examine.ts";
import type { Owner } from "./finding.ts";

/** What `cnictl doctor` prints: two lines a finding, where it could not look, and a sum. */
export function reportText({ examined, blind }: Examination, { fix }: { fix: boolean }): string {
	const width = Math.max(0, ...examined.map((each) => headOf(each).length));
	const findings = examined.map((each) => {
		const { kind, finding, problem } = each;
		const { what, where, owner, verdict } = finding;
		const reason = `${verdict.reason.charAt(0).toUpperCase()}${verdict.reason.slice(1)}.`;
		const more = problem === undefined ? [] : [`${problem.charAt(0).toUpperCase()}${problem.slice(1)}.`];
		return [
			`${headOf(each).padEnd(width)}  ${kind}: ${what}${ownerText(owner)}, ${where}`,
			...[reason, ...more].map((line) => `${"".padEnd(width)}  ${line}`),
		];
	});
	const lines = [...findings.flat(), ...blind.map((why) => `not seen  ${why}`), sumOf(examined, { fix })];
	return lines.map((line) => `${plainLine(line)}\n`).join("");
}

function headOf({ finding, outcome }: Examined): string {
	return outcome === "found" || outcome === "kept" ? finding.verdict.certainty : outcome;
}

function ownerText({ network, containerId, ifName }: Owner): string {
	if (containerId === undefined) return "";
	const whose = `${plainText(containerId)}${ifName ? `/${plainText(ifName)}` : ""}`;
	return ` of ${whose}${network === undefined ? "" : ` on ${plainText(network)}`}`;
}

function sumOf(examined: readonly Examined[], { fix }: { fix: boolean }): string {
	if (examined.length === 0) return "Nothing is left over on this host";
	const count = (outcome: Examined["outcome"]) => examined.filter((each) => each.outcome === outcome).length;
	const [removed, gone] = [count("removed"), count("gone")];
	const withThem = gone === 0 ? "" : `${gone} gone with others, `;
	if (fix) return `${removed} removed, ${withThem}${examined.length - removed - gone} left`;
	const sure = examined.filter(({ finding }) => finding.verdict.certainty === "sure").length;
	const help = sure === 0 ? "" : "; `cnictl doctor --fix` removes these";
	return `${examined.length} found, ${sure} of them sure${help}`;
}
