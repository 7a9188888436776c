import { join } from "node:path";
import { type Namespace, runIn } from "./namespace.ts";
import { root } from "./paths.ts";

/** What the npm package `netlink` reads from the kernel: a second opinion that shares no code with ours or iproute2. */
export interface KernelView {
	readonly links: readonly {
		index: number;
		ifname: string;
		address: string;
		mtu: number;
		master?: number;
		kind?: string;
	}[];
	readonly addresses: readonly { index: number; family: number; prefixlen: number; address: string }[];
	readonly routes: readonly {
		family: number;
		dstLen: number;
		dst?: string;
		gateway?: string;
		oif?: number;
		table: number;
	}[];
}

/** Dumps links, addresses and routes of the namespace. Addresses are hexadecimal bytes: `0a010001`. */
export function readKernel(namespace: Namespace): KernelView {
	return JSON.parse(runIn(namespace, [process.execPath, "-e", source], { cwd: join(root) })) as KernelView;
}

// Runs as a process of its own: the package opens its socket in the namespace of the process.
const source = `
const { createRtNetlink } = require("netlink");
const hex = (bytes) => (bytes ? Buffer.from(bytes).toString("hex") : undefined);
const socket = createRtNetlink();
(async () => {
	const links = (await socket.getLinks()).map(({ data, attrs }) => ({
		index: data.index, ifname: attrs.ifname, address: hex(attrs.address), mtu: attrs.mtu,
		master: attrs.master, kind: attrs.linkinfo?.kind,
	}));
	const addresses = (await socket.getAddresses()).map(({ data, attrs }) => ({
		index: data.index, family: data.family, prefixlen: data.prefixlen, address: hex(attrs.local ?? attrs.address),
	}));
	const routes = (await socket.getRoutes()).map(({ data, attrs }) => ({
		family: data.family, dstLen: data.dstLen, dst: hex(attrs.dst), gateway: hex(attrs.gateway), oif: attrs.oif,
		table: attrs.table ?? data.table,
	}));
	console.log(JSON.stringify({ links, addresses, routes }));
	process.exit(0);
})();
`;
