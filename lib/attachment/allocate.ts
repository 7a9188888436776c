import type { AddRequest } from "../cni/plugin.ts";
import { emptyResult, type Result } from "../cni/result.ts";

/** ADD of the IPAM plugin, to be undone if the ADD fails later; nothing for a network without addresses. @throws CniError */
export async function allocate({ ipam, rollback, log }: AddRequest<unknown>): Promise<Result> {
	if (ipam === undefined) return emptyResult;
	const result = await log.step("ipam", () => ipam.add());
	rollback.push("IPAM ADD", () => ipam.del());
	return result;
}
