import { CniError, ErrorCode } from "../cni/error.ts";
import type { AttachmentRequest } from "../cni/plugin.ts";
import type { Result, ResultInterface } from "../cni/result.ts";

/** What of a `prevResult` is the container's interface of this attachment: for CHECK. */
export interface OwnPart {
	readonly entry: ResultInterface;
	/** The result with the addresses of this interface alone: a chain may have added others. */
	readonly result: Result;
}

/**
 * The part of the result that CHECK is given which is this attachment's: the last interface of its name in its sandbox.
 *
 * @param missing the error of a CHECK without result
 * @throws CniError when there is no result, or it is of another container
 */
export function ownPart(
	{ prevResult, ifName, netns }: Pick<AttachmentRequest<unknown>, "prevResult" | "ifName" | "netns">,
	missing = "Required prevResult missing",
): OwnPart {
	if (prevResult === undefined) {
		throw fault(missing, "CHECK takes the result of ADD as prevResult; runtimes cache it");
	}
	const { interfaces, ips } = prevResult;
	const entry = interfaces.findLast(({ name, sandbox }) => name === ifName && sandbox !== undefined);
	if (entry?.sandbox !== netns) {
		throw fault(`Sandbox in prevResult ${entry?.sandbox ?? ""} doesn't match configured netns: ${netns}`);
	}
	const index = interfaces.indexOf(entry);
	const own = ips.filter((ip) => ip.interface === undefined || ip.interface === index);
	return { entry, result: { ...prevResult, ips: own } };
}

function fault(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
