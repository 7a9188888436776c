import { readSecretFile } from "../http/secret-file.ts";
import { refusing } from "./refusing.ts";

/** {@link readSecretFile} @throws EtcdError */
export function readSecret(path: string, key: string): string {
	return refusing(() => readSecretFile(path, key));
}
