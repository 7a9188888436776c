import { utf8Length } from "../linux/bytes.ts";
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
	// What stands for bytes of the environment that are not UTF-8: the interface would get another name than asked for.
	if (name.includes("\ufffd")) {
		throw new CniError(ErrorCode.invalidEnvironment, "interface name is not valid UTF-8", { details: name });
	}
	if (utf8Length(name) > maxIfNameBytes) {
		throw new CniError(ErrorCode.invalidEnvironment, "interface name is too long", {
			details: "interface name should be less than 16 characters",
		});
	}
	if (name === "." || name === "..") throw new CniError(ErrorCode.invalidEnvironment, "interface name is . or ..");
	if (hasForbiddenCharacter(name)) {
		throw new CniError(ErrorCode.invalidEnvironment, "interface name contains / or : or whitespace characters");
	}
	if (name.includes("%")) {
		throw new CniError(ErrorCode.invalidEnvironment, "interface name contains %", {
			details: "The kernel takes eth%d as a pattern, and gives the interface another name",
		});
	}
}

/** White space is Unicode's, and U+0085, which Go counts too. A name of plain letters and digits needs no such table. */
function hasForbiddenCharacter(name: string): boolean {
	for (let i = 0; i < name.length; i++) {
		const code = name.charCodeAt(i);
		if (code === slash || code === colon) return true;
		if ((code <= space || code > tilde) && /[\s\u0085]/.test(name)) return true;
	}
	return false;
}

const space = 0x20;
const slash = 0x2f;
const colon = 0x3a;
const tilde = 0x7e;
