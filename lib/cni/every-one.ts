/** Runs the action for each item; an error stops none of the later ones, and the first is thrown at the end. */
export function everyOne<T>(items: readonly T[], action: (item: T) => void): void {
	const errors: unknown[] = [];
	for (const item of items) {
		try {
			action(item);
		} catch (thrown) {
			errors.push(thrown);
		}
	}
	if (errors.length > 0) throw errors[0];
}
