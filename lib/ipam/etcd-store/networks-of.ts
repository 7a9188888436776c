import type { Gateway } from "../../etcd/gateway.ts";
import { prefixRange, read } from "../../etcd/kv.ts";

/** The networks of which etcd has anything below a prefix: a request for each. @throws EtcdError */
export async function networksOf(gateway: Gateway, prefix: string): Promise<readonly string[]> {
	const root = prefixRange(`${prefix}/network/`);
	const networks: string[] = [];
	for (let from = root.key; ; ) {
		const { found } = await read(gateway, { key: from, end: root.end }, { only: "keys", limit: 1 });
		const network = found[0]?.key.slice(root.key.length).split("/")[0];
		if (network === undefined) return networks;
		networks.push(network);
		from = prefixRange(`${root.key}${network}/`).end;
	}
}
