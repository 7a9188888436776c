import { createHash } from "node:crypto";

/** SHA-512 (FIPS 180-4): 64 bytes. */
export function sha512(bytes: Uint8Array): Uint8Array {
	return createHash("sha512").update(bytes).digest();
}
