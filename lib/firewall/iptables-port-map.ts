import type { PortMapBackend } from "./port-map-backend.ts";

export const iptablesPortMap: PortMapBackend = {
	holders: () => [],
	apply: () => {
		throw new Error("not yet");
	},
	verify: () => ["everything"],
	remove: () => {},
	list: () => [],
};
