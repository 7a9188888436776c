import { openSandboxIfPresent } from "../../../lib/attachment/sandbox.ts";
import { messageOf } from "../../../lib/cni/error.ts";
import { writeSysctl } from "../../../lib/linux/sysctl.ts";
import { findLink, type LinkChange, setLink } from "../../../lib/netlink/link.ts";
import type { TuningState } from "../../../lib/state/tuning-record.ts";

/**
 * Gives the interface and its namespace the former values again, as far as both are there: whatever fails, the rest is
 * put back.
 *
 * @returns what could not be put back, and why
 */
export function putBack({
	netns,
	ifName,
	state,
}: {
	netns: string;
	ifName: string;
	state: TuningState;
}): readonly string[] {
	const complaints: string[] = [];
	using sandbox = openSandboxIfPresent(netns, { warn: () => {} });
	if (sandbox === undefined) return complaints;
	const attempt = (what: string, action: () => void) => {
		try {
			action();
		} catch (thrown) {
			complaints.push(`Cannot put back ${what}: ${messageOf(thrown)}`);
		}
	};
	const { backup = {}, record } = state;
	const { mac, promisc, mtu, allmulti, txQLen } = backup;
	const link = findLink(sandbox.socket, { name: ifName });
	const changes: readonly LinkChange[] = [
		...(mtu === undefined ? [] : [{ mtu }]),
		...(mac === undefined ? [] : [{ mac }]),
		...(promisc === undefined ? [] : [{ promiscuous: promisc }]),
		...(allmulti === undefined ? [] : [{ allMulticast: allmulti }]),
		...(txQLen === undefined ? [] : [{ txQueueLength: txQLen }]),
	];
	for (const change of link === undefined ? [] : changes) {
		attempt(`${JSON.stringify(change)} of "${ifName}"`, () =>
			sandbox.socket.request(setLink({ index: link?.index ?? 0 }, change)),
		);
	}
	const ownPath = `/${ifName}/`;
	sandbox.namespace.run(() => {
		for (const [path, value] of Object.entries(record?.sysctls ?? {})) {
			// Parameters of the interface have gone with it.
			if (link === undefined && path.includes(ownPath)) continue;
			attempt(path, () => writeSysctl(path, value));
		}
	});
	return complaints;
}
