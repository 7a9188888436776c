import { FileError } from "../http/file-error.ts";
import { EtcdError } from "./error.ts";

/** Does what may meet a file that is of no use, and says so as etcd's refusals are said. @throws EtcdError */
export function refusing<T>(action: () => T): T {
	try {
		return action();
	} catch (thrown) {
		if (!(thrown instanceof FileError)) throw thrown;
		throw new EtcdError(thrown.message, { kind: "refused", details: thrown.details });
	}
}
