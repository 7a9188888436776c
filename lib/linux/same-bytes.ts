/** A loop, and no method with a function: engines that only interpret take several times as long for that. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
	if (a.byteLength !== b.byteLength) return false;
	for (let index = 0; index < a.byteLength; index++) if (a[index] !== b[index]) return false;
	return true;
}
