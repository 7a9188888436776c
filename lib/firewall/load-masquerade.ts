/** Loaded only for networks that have something to masquerade: the others save half a millisecond. */
export function loadMasquerade() {
	return import("./masquerade.ts");
}
