/*
 * Loaded only for networks that have something for the firewall to do: the others save half a millisecond.
 */

export function loadMasquerade() {
	return import("../../../lib/firewall/masquerade.ts");
}

export function loadSpoofCheck() {
	return import("../../../lib/firewall/spoof-check.ts");
}
