/** `1 block`, `2 blocks`. */
export function counted(count: number, what: string, several = `${what}s`): string {
	return `${count} ${count === 1 ? what : several}`;
}

/** `2 addresses of 1 attachment and 1 block`. */
export function countedAll(counts: {
	readonly addresses: number;
	readonly attachments: number;
	readonly blocks: number;
}): string {
	const { addresses, attachments, blocks } = counts;
	return `${counted(addresses, "address", "addresses")} of ${counted(attachments, "attachment")} and ${counted(blocks, "block")}`;
}
