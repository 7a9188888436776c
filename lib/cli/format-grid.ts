/** A cell of several lines; none is an empty cell. */
export type Cell = readonly string[];

export interface Column {
	readonly heading: string;
	readonly cells: readonly Cell[];
	/** The least that it may be narrowed to; by default it keeps its width. */
	readonly leastWidth?: number;
	/** Whether it is shown when all of its cells are empty. */
	readonly always?: boolean;
}

/**
 * Columns of text, no wider than `width` where that can be had: the widest of those that may be is narrowed, and what does
 * not fit is cut with `…`, but for a remark in parentheses at its end.
 */
export function formatGrid(columns: readonly Column[], { width }: { width: number }): string {
	const shown = columns.filter(({ cells, always = false }) => always || cells.some((cell) => cell.length > 0));
	const widths = narrowed(shown, width);
	const rows = shown[0]?.cells.length ?? 0;
	const lines = [shown.map(({ heading }) => heading)];
	for (let row = 0; row < rows; row++) {
		const cells = shown.map(({ cells }) => orDash(cells[row] ?? []));
		const height = Math.max(...cells.map(({ length }) => length));
		for (let line = 0; line < height; line++) lines.push(cells.map((cell) => cell[line] ?? ""));
	}
	return lines
		.map((line) => line.map((text, index) => cut(text, widths[index] ?? 0).padEnd(widths[index] ?? 0)).join(gap))
		.map((line) => `${line.trimEnd()}\n`)
		.join("");
}

const gap = "  ";

function narrowed(columns: readonly Column[], width: number): readonly number[] {
	const widths = columns.map(({ heading, cells }) =>
		Math.max(heading.length, ...cells.flat().map(({ length }) => length)),
	);
	const total = () => widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1);
	while (total() > width) {
		const spare = widths.map((each, index) => {
			const { leastWidth = Number.POSITIVE_INFINITY, heading } = columns[index] ?? { heading: "" };
			return each > Math.max(leastWidth, heading.length) ? each : 0;
		});
		const widest = spare.indexOf(Math.max(...spare));
		if ((spare[widest] ?? 0) === 0) break;
		widths[widest] = (widths[widest] ?? 0) - 1;
	}
	return widths;
}

function orDash(cell: Cell): Cell {
	return cell.length === 0 ? ["-"] : cell;
}

function cut(text: string, width: number): string {
	if (text.length <= width) return text;
	const remark = / \([a-z]+\)$/.exec(text)?.[0] ?? "";
	const end = remark.length < width ? remark : "";
	return `${text.slice(0, Math.max(0, width - end.length - 1))}…${end}`;
}
