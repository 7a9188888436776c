import { inDirectoryOf } from "../linux/absent.ts";
import { errnoOf } from "../linux/errno.ts";
import { readText, rename, writeFile } from "../linux/files.ts";

/**
 * The token of the last login, for etcd takes a tenth of a second to check a password:
 *
 *     <path>          the user, a line feed, the token; mode 0600. It may be missing or stale: etcd says so, and one logs in
 *     <path>.<random> the same, not yet complete
 */
export function tokenFile(path: string, user: string) {
	return {
		recall(): string | undefined {
			const [owner, token] = textOf(path).split("\n");
			return owner === user && token !== "" ? token : undefined;
		},
		remember(token: string): void {
			const incomplete = `${path}.${Math.random().toString(36).slice(2)}`;
			try {
				inDirectoryOf(path, () => writeFile(incomplete, `${user}\n${token}`));
				rename(incomplete, path);
			} catch (thrown) {
				// It only saves time.
				if (errnoOf(thrown) === 0) throw thrown;
			}
		},
	};
}

/** Empty where it cannot be read: one logs in then. */
function textOf(path: string): string {
	try {
		return readText(path);
	} catch (thrown) {
		if (errnoOf(thrown) === 0) throw thrown;
		return "";
	}
}
