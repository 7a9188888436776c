import { readIdentity, type TlsFiles, type TlsIdentity } from "../http/tls-identity.ts";
import { refusing } from "./refusing.ts";

export type { TlsFiles, TlsIdentity };

/** {@link readIdentity} @throws EtcdError */
export function loadIdentity(files: TlsFiles): TlsIdentity {
	return refusing(() => readIdentity(files));
}
