import { errnoOf, errnoText } from "../linux/errno.ts";
import { isRegularFile, readText, stat } from "../linux/files.ts";
import { FileError } from "./file-error.ts";

/** Anybody else's access, in the mode of a file. */
const othersMay = 0o077;

/**
 * A secret that stands in a file which only its owner may read; a line feed at its end is not of it.
 *
 * @param key of the configuration, for the error
 * @throws FileError which says what is wrong with the file, and nothing of what is in it
 */
export function readSecretFile(path: string, key: string): string {
	const refuse = (cause: string, details: string) =>
		new FileError(`Cannot use the secret in "${path}": ${cause}`, details);
	try {
		const { mode } = stat(path);
		// A pipe would never end, and the rights of a directory are others.
		if (!isRegularFile(path)) throw refuse("it is no regular file", `"${key}" names a file with the secret alone`);
		if ((mode & othersMay) !== 0) {
			throw refuse(`others may read it (mode ${(mode & 0o777).toString(8)})`, `chmod 600 "${path}"`);
		}
		const secret = readText(path).replace(/\r?\n$/, "");
		if (secret === "") throw refuse("it is empty", `"${key}" names a file with the secret alone`);
		return secret;
	} catch (thrown) {
		const errno = errnoOf(thrown);
		throw errno === 0 ? thrown : refuse(errnoText(errno), `"${key}" names a file with the secret alone`);
	}
}
