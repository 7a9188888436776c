import { unlessAbsent } from "../linux/absent.ts";
import { errnoOf, errnoText } from "../linux/errno.ts";
import { readFile } from "../linux/files.ts";
import { encodeUtf8 } from "../linux/utf8.ts";
import { FileError } from "./file-error.ts";
import { readSecretFile } from "./secret-file.ts";

/** Files in the form of PEM. */
export interface TlsFiles {
	/** Certificates of the authorities that we trust; by default those that this machine does. */
	readonly caFile: string | undefined;
	/** Our certificate, and those that lead from it to its issuer; undefined for a client that stays unknown. */
	readonly certFile: string | undefined;
	/** The key of that certificate, which nobody else may read. */
	readonly keyFile: string | undefined;
	/** What the certificate of the other side must be for, where that is not the host of its URL. */
	readonly serverName: string | undefined;
}

/** What is in the files. */
export interface TlsIdentity {
	readonly authorities: Uint8Array;
	readonly certificates: Uint8Array | undefined;
	readonly key: Uint8Array | undefined;
}

/** @throws FileError which says what is wrong with a file */
export function readIdentity({ caFile, certFile, keyFile }: TlsFiles): TlsIdentity {
	return {
		authorities: caFile === undefined ? systemAuthorities() : readNamed(caFile, "caFile"),
		certificates: certFile === undefined ? undefined : readNamed(certFile, "certFile"),
		key: keyFile === undefined ? undefined : encodeUtf8(readSecretFile(keyFile, "keyFile")),
	};
}

function readNamed(path: string, key: string): Uint8Array {
	try {
		return readFile(path);
	} catch (thrown) {
		throw new FileError(
			`Cannot read "${path}": ${errnoText(errnoOf(thrown))}`,
			`"${key}" names a file in the form of PEM`,
		);
	}
}

/** Where distributions keep them: Debian and Alpine, Red Hat, SUSE. */
const systemBundles = [
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
];

function systemAuthorities(): Uint8Array {
	for (const path of systemBundles) {
		const bytes = unlessAbsent(() => readFile(path));
		if (bytes !== undefined) return bytes;
	}
	throw new FileError(
		"Cannot trust anybody: this machine has no certificates of authorities",
		'"caFile" names those that have issued the certificate of the other side',
	);
}
