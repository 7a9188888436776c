import { Errno } from "../../linux/errno.ts";
import { NetlinkError } from "../wire/error.ts";

/** What a request returns, or undefined when the kernel says that the object does not exist. @throws NetlinkError */
export function absentAsUndefined<T>(request: () => T): T | undefined {
	try {
		return request();
	} catch (thrown) {
		if (thrown instanceof NetlinkError && thrown.errno === Errno.ENOENT) return undefined;
		throw thrown;
	}
}
