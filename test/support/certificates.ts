import { attempt } from "./namespace.ts";

/**
 * Makes `<name>.pem` and `<name>.key` of two authorities, `ca` and `ca2`, and of what they have issued: by the first
 * `server` (for 127.0.0.1 and etcd.example), `client` and `old`, which has expired, by the second `client2`.
 */
export function makeCertificates(directory: string): void {
	const script = `
		key() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key; chmod 600 $1.key; }
		authority() { key $1; openssl req -x509 -key $1.key -out $1.pem -subj /CN=$1 -days 3650; }
		leaf() {
			key $1
			openssl req -new -key $1.key -subj /CN=$1 -out $1.csr
			printf 'subjectAltName=IP:127.0.0.1,DNS:etcd.example\\nextendedKeyUsage=serverAuth,clientAuth\\n' >$1.ext
			shift; openssl x509 -req -CAcreateserial -in $leaf.csr -extfile $leaf.ext -out $leaf.pem "$@"
		}
		authority ca; authority ca2
		leaf=server; leaf server -CA ca.pem -CAkey ca.key -days 3650
		leaf=client; leaf client -CA ca.pem -CAkey ca.key -days 3650
		leaf=client2; leaf client2 -CA ca2.pem -CAkey ca2.key -days 3650
		leaf=old; leaf old -CA ca.pem -CAkey ca.key -days -1`;
	const { exitCode, stderr } = attempt(["sh", "-ec", script], { cwd: directory });
	if (exitCode !== 0) throw new Error(stderr);
}
