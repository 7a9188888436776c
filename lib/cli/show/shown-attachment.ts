import type { NetworkAttachment } from "../../cni/attachment-tag.ts";
import type { Dns } from "../../cni/result.ts";
import type { PortMapping } from "../../firewall/port-map-backend.ts";
import type { IpAddress, IpPrefix } from "../../ip/address.ts";
import type { Label } from "../../ipam/tags.ts";
import type { ShownLimit } from "./limits.ts";

/** Something of an attachment, and whether the kernel has it; undefined where nobody can tell. */
export interface Checked<T> {
	readonly value: T;
	readonly inKernel: boolean | undefined;
}

/** An attachment as an operator sees it: what is recorded of it, held against the kernel. */
export interface ShownAttachment extends NetworkAttachment {
	/**
	 * `ok`: the kernel has everything. `missing`: it has the namespace, and not everything. `gone`: the namespace is gone.
	 * `unknown`: nothing tells where it is.
	 */
	readonly state: "ok" | "missing" | "gone" | "unknown";
	/** What the kernel does not have, in words. */
	readonly missing: readonly string[];
	/** The path of the namespace. */
	readonly netns: string | undefined;
	/** Ids of the processes in it. */
	readonly pids: readonly number[];
	/** Of the container's interface, as the kernel has it. */
	readonly mac: string | undefined;
	readonly mtu: number | undefined;
	/** The host's interface that leads to the container, and what that is a port of. */
	readonly hostLink: Checked<string> | undefined;
	readonly bridge: string | undefined;
	readonly addresses: readonly Checked<IpAddress>[];
	readonly routes: readonly Checked<ShownRoute>[];
	readonly ports: readonly Checked<PortMapping>[];
	readonly groups: readonly Checked<string>[];
	readonly labels: readonly Label[];
	readonly limits: readonly Checked<ShownLimit>[];
	/** What of the firewall is on record. */
	readonly rules: readonly Checked<string>[];
	readonly dns: Dns;
	/** Milliseconds since the epoch. */
	readonly since: number | undefined;
	/** What tells of it: `the cached result`. */
	readonly sources: readonly string[];
}

export interface ShownRoute {
	readonly destination: IpPrefix;
	readonly gateway: IpAddress | undefined;
}
