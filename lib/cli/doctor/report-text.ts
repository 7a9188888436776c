import { plainLine, plainText } from "../plain-text.ts";
import { type Examination, type Examined, isLeft } from "./examine.ts";
import type { Owner } from "./finding.ts";

export interface ReportOptions {
	readonly fix: boolean;
	/** The command whose `--fix` helps. */
	readonly command?: string;
	/** What was looked for and not found, as a sentence. */
	readonly nothing?: string;
	/** The word for what was done. */
	readonly done?: string;
}

/** What `cnictl doctor` prints: two lines a finding, where it could not look, and a sum. */
export function reportText({ examined, blind }: Examination, options: ReportOptions): string {
	const { done = "removed" } = options;
	const headOf = (each: Examined) => headWith(each, done);
	const width = Math.max(0, ...examined.map((each) => headOf(each).length));
	const findings = examined.map((each) => {
		const { kind, finding, problem } = each;
		const { what, where, owner, verdict, remedy } = finding;
		const reason = `${verdict.reason.charAt(0).toUpperCase()}${verdict.reason.slice(1)}.`;
		const plan = remedy === undefined || each.outcome === "removed" ? [] : [`To do: ${remedy}.`];
		const more = problem === undefined ? [] : [`${problem.charAt(0).toUpperCase()}${problem.slice(1)}.`];
		return [
			`${headOf(each).padEnd(width)}  ${kind}: ${what}${ownerText(owner)}, ${where}`,
			...[reason, ...plan, ...more].map((line) => `${"".padEnd(width)}  ${line}`),
		];
	});
	const lines = [...findings.flat(), ...blind.map((why) => `not seen  ${why}`), sumOf({ examined, blind }, options)];
	return lines.map((line) => `${plainLine(line)}\n`).join("");
}

function headWith({ finding, outcome }: Examined, done: string): string {
	if (outcome === "removed") return done;
	return outcome === "found" || outcome === "kept" ? finding.verdict.certainty : outcome;
}

function ownerText({ network, containerId, ifName }: Owner): string {
	if (containerId === undefined) return "";
	const whose = `${plainText(containerId)}${ifName ? `/${plainText(ifName)}` : ""}`;
	return ` of ${whose}${network === undefined ? "" : ` on ${plainText(network)}`}`;
}

function sumOf(
	{ examined, blind }: Examination,
	{ fix, command = "cnictl doctor", nothing = "Nothing is left over on this host", done = "removed" }: ReportOptions,
): string {
	if (examined.length === 0) return blind.length === 0 ? nothing : `${nothing}, in what was seen`;
	const count = (outcome: Examined["outcome"]) => examined.filter((each) => each.outcome === outcome).length;
	const gone = count("gone");
	const withThem = gone === 0 ? "" : `${gone} gone with others, `;
	if (fix) return `${count("removed")} ${done}, ${withThem}${examined.filter(isLeft).length} left`;
	const sure = examined.filter(({ finding }) => finding.verdict.certainty === "sure").length;
	const help = sure === 0 ? "" : `; \`${command} --fix\` ${done === "removed" ? "removes these" : "puts these right"}`;
	return `${examined.length} found, ${sure} of them sure${help}`;
}
