/** What a bench part is told. */
export interface Bench {
	/** A temporary folder for state. */
	readonly directory: string;
	/** Fewer runs: enough to see that it works, not to be quoted. */
	readonly quick: boolean;
	/** The folder of our executables. */
	readonly ours: string;
	/** The folder of the stock executables. */
	readonly stock: string;
}

export type Suite = "ours" | "stock";

/** One line of the table. */
export interface Figure {
	readonly what: string;
	readonly ours: string;
	readonly stock: string;
	readonly ratio: string;
	readonly bar: string;
	readonly verdict: "met" | "missed" | "";
}

/** The middle value; of two, their mean. */
export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length >> 1;
	const upper = sorted[middle] ?? Number.NaN;
	return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/**
 * Compares series measured in turn. The ratio is the median of the ratios of each pair, in which a slow spell of the
 * machine falls on both sides.
 */
export function compare(
	what: string,
	{ ours, stock, unit, bar }: { ours: readonly number[]; stock: readonly number[]; unit: "ms" | "MB"; bar?: number },
): Figure {
	const ratio = median(ours.map((value, index) => value / (stock[index] ?? Number.NaN)));
	const show = (values: readonly number[]) => `${median(values).toFixed(unit === "ms" ? 2 : 0)} ${unit}`;
	return {
		what,
		ours: show(ours),
		stock: show(stock),
		ratio: ratio.toFixed(2),
		bar: bar === undefined ? "" : `≤ ${bar}`,
		verdict: verdictOf(ratio, bar),
	};
}

export function verdictOf(value: number, bar: number | undefined): Figure["verdict"] {
	if (bar === undefined) return "";
	return value <= bar ? "met" : "missed";
}

export function table(figures: readonly Figure[]): string {
	const rows = figures.map(({ what, ours, stock, ratio, bar, verdict }) => [what, ours, stock, ratio, bar, verdict]);
	const header = ["What", "Ours", "Stock", "Ratio", "Bar", "Verdict"];
	return [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
