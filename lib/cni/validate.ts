import { CniError, ErrorCode } from "./error.ts";

/** Container ids and network names: they become file names, comments of rules and parts of link aliases. */
const safeName = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** @throws CniError code 4 */
export function validateContainerId(id: string): void {
	if (!safeName.test(id)) {
		throw new CniError(ErrorCode.invalidEnvironment, "invalid characters in containerID", { details: id });
	}
}

/** @throws CniError code 7 */
export function validateNetworkName(name: string): void {
	if (!safeName.test(name)) {
		throw new CniError(ErrorCode.invalidNetworkConfig, "invalid characters found in network name", { details: name });
	}
}

/** Longest name of an interface in bytes: IFNAMSIZ of the kernel less the closing NUL. */
const maxIfNameBytes = 15;

/** Kernel rules for interface names (dev_valid_name), in the reference's order. @throws CniError code 4 */
export function validateIfName(name: string): void {
	if (name === "") throw new CniError(ErrorCode.invalidEnvironment, "interface name is empty");
	if (Buffer.byteLength(name) > maxIfNameBytes) {
		throw new CniError(ErrorCode.invalidEnvironment, "interface name is too long", {
			details: "interface name should be less than 16 characters",
		});
	}
	if (name === "." || name === "..") throw new CniError(ErrorCode.invalidEnvironment, "interface name is . or ..");
	if (/[/:\s\u0085]/u.test(name)) {
		throw new CniError(ErrorCode.invalidEnvironment, "interface name contains / or : or whitespace characters");
	}
}
