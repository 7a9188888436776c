import type { AddRequest } from "../cni/plugin.ts";
import { emptyResult, type Result } from "../cni/result.ts";
import { type Link, setLink } from "../netlink/link.ts";
import { wantsInterface } from "./ipam-order.ts";
import type { Sandbox } from "./sandbox.ts";

/** ADD of the IPAM plugin, to be undone if the ADD fails later; nothing for a network without addresses. @throws CniError */
export async function allocate({ ipam, rollback, log }: AddRequest<unknown>): Promise<Result> {
	if (ipam === undefined) return emptyResult;
	const result = await log.step("ipam", () => ipam.add());
	rollback.push("IPAM ADD", () => ipam.del());
	return result;
}

/**
 * The same before anything is made; undefined for an IPAM plugin that wants to find the interface, and that is at least
 * known to exist then. @throws CniError
 */
export async function allocateEarly(request: AddRequest<unknown>): Promise<Result | undefined> {
	if (!wantsInterface(request.ipam)) return allocate(request);
	await request.ipam?.find();
	return undefined;
}

/**
 * The same for an IPAM plugin that looks for the interface, and may bring it up. It is down again afterwards: its parameters,
 * and the announcement of its addresses, take effect when it comes up.
 */
export async function allocateThrough(
	request: AddRequest<unknown>,
	{ sandbox, link }: { sandbox: Sandbox; link: Link },
): Promise<Result> {
	const result = await allocate(request);
	sandbox.socket.request(setLink({ index: link.index }, { up: false }));
	return result;
}
