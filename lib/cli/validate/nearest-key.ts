/** The known key that `key` was most likely meant to be, or undefined when none is near. */
export function nearestKey(key: string, known: readonly string[]): string | undefined {
	const limit = Math.max(1, Math.min(3, Math.floor(key.length / 3)));
	let best: { name: string; distance: number } | undefined;
	for (const name of known) {
		const distance = editDistance(key.toLowerCase(), name.toLowerCase());
		if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { name, distance };
	}
	return best?.name;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
export function editDistance(a: string, b: string): number {
	let beforeLast: number[] = [];
	let last = Array.from({ length: b.length + 1 }, (_, column) => column);
	for (let row = 1; row <= a.length; row++) {
		const current = [row];
		for (let column = 1; column <= b.length; column++) {
			const replaced = at(last, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
			let distance = Math.min(replaced, at(last, column) + 1, at(current, column - 1) + 1);
			const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
			if (swapped) distance = Math.min(distance, at(beforeLast, column - 2) + 1);
			current.push(distance);
		}
		[beforeLast, last] = [last, current];
	}
	return at(last, b.length);
}

function at(numbers: readonly number[], index: number): number {
	return numbers[index] ?? Number.POSITIVE_INFINITY;
}
