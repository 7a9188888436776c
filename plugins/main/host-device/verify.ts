import { openSandbox } from "../../../lib/attachment/sandbox.ts";
import { verifyInterface } from "../../../lib/attachment/verify-interface.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { describeInterface } from "./attach.ts";
import { type HostDeviceConfig, parseSettings } from "./config.ts";
import { isDpdk } from "./find-device.ts";

/** CHECK: compares the interface with what ADD has made of it. @throws CniError naming the first difference */
export async function verifyAttachment(request: AttachmentRequest<HostDeviceConfig>): Promise<void> {
	const settings = parseSettings(request.config);
	const { prevResult, ifName, netns, ipam } = request;
	using sandbox = openSandbox(netns);
	await ipam?.check();
	if (prevResult === undefined) {
		throw fault("Required prevResult missing", "CHECK takes the result of ADD as prevResult; runtimes cache it");
	}
	// What a program in user space makes of the device, the kernel does not know.
	if (isDpdk(settings)) return;
	const own = prevResult.interfaces.findLast(({ name, sandbox }) => name === ifName && sandbox !== undefined);
	if (own?.sandbox !== netns) {
		throw fault(`Sandbox in prevResult ${own?.sandbox ?? ""} doesn't match configured netns: ${netns}`);
	}
	const index = prevResult.interfaces.indexOf(own);
	verifyInterface(sandbox, { ...describeInterface(ifName, ownPart(prevResult, index)), mac: own.mac });
}

/** A chain may have added interfaces with addresses of their own. */
function ownPart(result: Result, index: number): Result {
	return { ...result, ips: result.ips.filter((ip) => ip.interface === undefined || ip.interface === index) };
}

function fault(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
