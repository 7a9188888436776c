import { type Etcd, startEtcd } from "./etcd.ts";
import type { Lan, Plug } from "./lan.ts";
import type { World } from "./world.ts";

/** Three members of etcd, each in a namespace of its own, on one network. */
export interface EtcdCluster extends AsyncDisposable {
	readonly members: readonly Member[];
	/** The one that leads at the moment; waits while there is none. */
	leader(): Promise<Member>;
}

export interface Member extends Etcd {
	readonly name: string;
	readonly plug: Plug;
}

export interface EtcdClusterOptions {
	/** Further options of a member. */
	readonly args?: (member: { readonly name: string }) => readonly string[];
	/** By default `http`; `https` needs certificates among `args`. */
	readonly scheme?: "http" | "https";
}

/** The members are at 10.0.0.11, 10.0.0.12 and 10.0.0.13 of a network with the prefix length 24. */
export async function startEtcdCluster(
	world: World,
	lan: Lan,
	{ args = () => [], scheme = "http" }: EtcdClusterOptions = {},
): Promise<EtcdCluster> {
	const places = ["one", "two", "three"].map((name, index) => {
		const namespace = world.container();
		const plug = lan.join(namespace, `10.0.0.${11 + index}/24`);
		return { name, namespace, plug, peerUrl: `${scheme}://${plug.address}:2380` };
	});
	const all = places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
	const members = await Promise.all(
		places.map(async ({ name, namespace, plug, peerUrl }): Promise<Member> => {
			const url = `${scheme}://${plug.address}:2379`;
			const etcd = await startEtcd(namespace, { url, args: args({ name }), peer: { name, url: peerUrl, all } });
			return { ...etcd, name, plug };
		}),
	);
	return {
		members,
		leader: () => leaderOf(members),
		async [Symbol.asyncDispose]() {
			for (const member of members) await member[Symbol.asyncDispose]();
		},
	};
}

async function leaderOf(members: readonly Member[]): Promise<Member> {
	const end = performance.now() + 20_000;
	while (performance.now() < end) {
		for (const member of members) if (await leads(member)) return member;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	throw new Error("Cannot go on: etcd finds no leader");
}

async function leads(member: Member): Promise<boolean> {
	try {
		const { leader, header } = await member.gateway(1000).call("maintenance/status", {});
		return leader !== undefined && leader === (header as { readonly member_id?: unknown }).member_id;
	} catch {
		return false;
	}
}
