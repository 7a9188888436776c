import { bitsOf, type Family, formatAddress, type IpAddress } from "../../ip/address.ts";
import { spanOf } from "../../ipam/etcd-store/block.ts";
import { type AddressRange, rangeContains } from "../../ipam/range.ts";
import type { AddressPlan } from "./address-plan.ts";

const cellsInRow = 64n;
const mostCells = 512n;

export const pictureLegend =
	"· free  ░ free, in a block of an agent  ~ rests  ▒ some held  ▓ half or more held  █ all held  g gateway";

/**
 * A picture of a range: a character for each address, or for as many as are needed to have no more than eight lines. What
 * is free beyond all that is given is left away.
 */
export function pictureOf(
	range: AddressRange,
	{ reservations, resting, blocks }: Pick<AddressPlan, "reservations" | "resting" | "blocks">,
): { readonly lines: readonly string[]; readonly addressesInCell: bigint } {
	const { family } = range.start;
	const clamp = ({ value }: IpAddress) =>
		value < range.start.value ? range.start.value : value > range.end.value ? range.end.value : value;
	const held = reservations.map(({ address }) => address).filter((address) => rangeContains(range, address));
	const rests = resting.filter((address) => rangeContains(range, address));
	const spans = blocks
		.map(({ block }) => spanOf(block))
		.filter(
			({ first, last }) => first.family === family && first.value <= range.end.value && last.value >= range.start.value,
		)
		.map(({ first, last }) => ({ first: clamp(first), last: clamp(last) }));
	const marks = [
		...[...held, ...rests].map(({ value }) => value),
		...spans.flatMap(({ first, last }) => [first, last]),
	];
	const { first, last } = frame(family, marks.length === 0 ? [range.start.value] : marks);
	const addressesInCell = powerOfTwoFor((last - first + 1n + mostCells - 1n) / mostCells);
	const cellOf = (value: bigint) => Number((value - first) / addressesInCell);
	const count = cellOf(last) + 1;
	const heldIn = tally(
		count,
		held.map(({ value }) => cellOf(value)),
	);
	const restingIn = tally(
		count,
		rests.map(({ value }) => cellOf(value)),
	);
	const claimed = new Set(
		spans.flatMap((span) => {
			const from = cellOf(span.first);
			return Array.from({ length: cellOf(span.last) - from + 1 }, (_, index) => from + index);
		}),
	);
	const gateway = rangeContains(range, range.gateway) ? range.gateway.value : undefined;
	const cells = Array.from({ length: count }, (_, cell) => {
		const from = first + BigInt(cell) * addressesInCell;
		const to = from + addressesInCell - 1n;
		const low = from < range.start.value ? range.start.value : from;
		const high = to > range.end.value ? range.end.value : to;
		if (low > high) return " ";
		const hasGateway = gateway !== undefined && gateway >= low && gateway <= high;
		const capacity = high - low + (hasGateway ? 0n : 1n);
		const used = BigInt(heldIn[cell] ?? 0);
		if (used > 0n) return used >= capacity ? "█" : used * 2n >= capacity ? "▓" : "▒";
		if (capacity === 0n) return "g";
		if ((restingIn[cell] ?? 0) > 0) return "~";
		return claimed.has(cell) ? "░" : "·";
	});
	return { addressesInCell, lines: rows(cells, (cell) => ({ family, value: first + BigInt(cell) * addressesInCell })) };
}

/** The smallest prefix that has all of these, of a row at least. */
function frame(family: Family, values: readonly bigint[]): { readonly first: bigint; readonly last: bigint } {
	let low = values[0] ?? 0n;
	let high = low;
	for (const value of values) {
		if (value < low) low = value;
		if (value > high) high = value;
	}
	let size = cellsInRow;
	const most = 1n << BigInt(bitsOf(family));
	while (low / size !== high / size && size < most) size *= 2n;
	const first = (low / size) * size;
	return { first, last: first + size - 1n };
}

function powerOfTwoFor(least: bigint): bigint {
	let power = 1n;
	while (power < least) power *= 2n;
	return power;
}

function tally(length: number, cells: readonly number[]): readonly number[] {
	const counts = new Array<number>(length).fill(0);
	for (const cell of cells) counts[cell] = (counts[cell] ?? 0) + 1;
	return counts;
}

function rows(cells: readonly string[], addressOf: (cell: number) => IpAddress): readonly string[] {
	const width = Number(cellsInRow);
	const starts = Array.from({ length: Math.ceil(cells.length / width) }, (_, row) => row * width);
	const labels = starts.map((start) => formatAddress(addressOf(start)));
	const labelWidth = Math.max(...labels.map(({ length }) => length));
	return starts
		.map((start, row) => `${(labels[row] ?? "").padEnd(labelWidth)}  ${cells.slice(start, start + width).join("")}`)
		.map((line, row) => ({
			line,
			isBlank: cells.slice(starts[row] ?? 0, (starts[row] ?? 0) + width).every((cell) => cell === " "),
		}))
		.flatMap(({ line, isBlank }) => (isBlank ? [] : [line.trimEnd()]));
}
