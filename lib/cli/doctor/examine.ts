import { errorText } from "../../cni/error.ts";
import { takeSurvey } from "../survey/survey.ts";
import type { Finding, FindingKind, Look } from "./finding.ts";
import { findingKinds } from "./finding-kinds.ts";

/** One finding, and what has become of it. */
export interface Examined {
	readonly kind: string;
	readonly finding: Finding;
	/**
	 * `kept`: the second look was not sure any more, or somebody owned it. `gone`: it was not there any more, as it went with
	 * something else. `failed`: see `problem`.
	 */
	readonly outcome: "found" | "removed" | "gone" | "kept" | "failed";
	readonly problem: string | undefined;
}

/** Whether it is there now, and nobody's. */
export function isLeft({ outcome, finding }: Examined): boolean {
	return outcome !== "removed" && outcome !== "gone" && finding.verdict.certainty !== "lives";
}

export interface Examination {
	readonly examined: readonly Examined[];
	/** Where it could not look, and why. */
	readonly blind: readonly string[];
}

/**
 * Looks for everything that no living container owns; with `fix`, removes what is surely so.
 *
 * @param options.kinds by default all that containers leave behind
 */
export async function examine(
	look: Look,
	{ fix, kinds = findingKinds }: { fix: boolean; kinds?: readonly FindingKind[] },
): Promise<Examination> {
	const blind = [...look.survey.blindness];
	const found: { kind: FindingKind; findings: readonly Finding[] }[] = [];
	for (const kind of kinds) {
		try {
			const findings = (await kind.find(look)).filter(({ verdict }) => verdict.certainty !== "lives");
			found.push({ kind, findings });
		} catch (thrown) {
			blind.push(`${kind.name}: ${errorText(thrown)}`);
		}
	}
	const examined: Examined[] = [];
	for (const { kind, findings } of found) {
		const sure = new Set(fix ? findings.filter(({ verdict }) => verdict.certainty === "sure") : []);
		examined.push(...(sure.size === 0 ? [] : await removeAll([...sure], { kind, look })));
		examined.push(
			...findings
				.filter((finding) => !sure.has(finding))
				.map((finding): Examined => ({ kind: kind.name, finding, outcome: "found", problem: undefined })),
		);
	}
	return { examined, blind };
}

/** A look that is older says nothing about the present any more. */
const freshForMs = 1000;

/** Each after a second look, which must come to the same: under the lock that plugins take for such things. */
async function removeAll(
	findings: readonly Finding[],
	{ kind, look }: { kind: FindingKind; look: Look },
): Promise<readonly Examined[]> {
	const examined: Examined[] = [];
	using _ = kind.lock?.();
	let present = await lookAgain(kind, look);
	for (const finding of findings) {
		if (Date.now() - present.takenAt > freshForMs) present = await lookAgain(kind, look);
		examined.push(await remove(finding, { kind, again: present.findings.get(finding.key) }));
	}
	return examined;
}

async function lookAgain(kind: FindingKind, { survey, ...look }: Look) {
	// What has been removed meanwhile told of the rest, and has told the truth.
	const again = takeSurvey(survey.places, { former: survey.witnesses });
	const findings = await kind.find({ ...look, survey: again });
	return { takenAt: Date.now(), findings: new Map(findings.map((finding) => [finding.key, finding])) };
}

async function remove(
	finding: Finding,
	{ kind, again }: { kind: FindingKind; again: Finding | undefined },
): Promise<Examined> {
	if (again === undefined) return { kind: kind.name, finding, outcome: "gone", problem: undefined };
	if (again.verdict.certainty !== "sure") {
		return { kind: kind.name, finding: again, outcome: "kept", problem: undefined };
	}
	try {
		await again.remove();
		return { kind: kind.name, finding: again, outcome: "removed", problem: undefined };
	} catch (thrown) {
		return { kind: kind.name, finding: again, outcome: "failed", problem: errorText(thrown) };
	}
}
