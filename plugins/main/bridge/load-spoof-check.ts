/** Loaded only for networks that have something for it to do: the others save half a millisecond. */
export function loadSpoofCheck() {
	return import("../../../lib/firewall/spoof-check.ts");
}
