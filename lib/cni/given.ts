/** An object with that member, or without it when there is no value: for members that may be absent but not undefined. */
export function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
	return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
