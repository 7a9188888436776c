/** What came of some checks. */
export interface Tally {
	readonly passed: number;
	/** Names. */
	readonly failed: readonly string[];
	readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

export const noTally: Tally = { passed: 0, failed: [], skipped: [] };

/** Of what `jest --json` writes, the part that is read here. */
export interface JestReport {
	readonly testResults: readonly {
		/** The file. */
		readonly name: string;
		readonly status: string;
		readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
	}[];
}

/**
 * Counts tests. A file that could not be run counts as one failed test. So does a skipped test that gives no reason: a
 * suite that quietly tests less is a defect.
 */
export function tallyOf({ testResults }: JestReport): Tally {
	return total(
		testResults.map(({ name: file, status, assertionResults }) => {
			const tally = total(assertionResults.map(tallyOfTest));
			const broken = status === "failed" && tally.failed.length === 0;
			return broken ? { ...tally, failed: [`${file} (the file could not be run)`] } : tally;
		}),
	);
}

/** Files of which something failed, with the file that the report names. */
export function failedFiles({ testResults }: JestReport): readonly string[] {
	return testResults.filter((result) => tallyOf({ testResults: [result] }).failed.length > 0).map(({ name }) => name);
}

/** What is known when some files were run again: for each, what came of it then. */
export function ranAgain(first: JestReport, again: JestReport): JestReport {
	const later = new Map(again.testResults.map((result) => [result.name, result]));
	return { testResults: first.testResults.map((result) => later.get(result.name) ?? result) };
}

export function total(tallies: readonly Tally[]): Tally {
	return {
		passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
		failed: tallies.flatMap(({ failed }) => failed),
		skipped: tallies.flatMap(({ skipped }) => skipped),
	};
}

function tallyOfTest({ fullName, status }: { fullName: string; status: string }): Tally {
	if (status === "passed") return { ...noTally, passed: 1 };
	if (status === "failed") return { ...noTally, failed: [fullName] };
	const [, name = fullName, reason] = /^(.*) \[skipped: (.*)\]$/s.exec(fullName) ?? [];
	if (reason === undefined) return { ...noTally, failed: [`${fullName} (skipped without a reason; see skip.ts)`] };
	return { ...noTally, skipped: [{ name, reason }] };
}
