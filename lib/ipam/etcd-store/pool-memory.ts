import { formatPrefix, type IpPrefix, parsePrefix } from "../../ip/address.ts";
import { inDirectoryOf, unlessAbsent } from "../../linux/absent.ts";
import { appendFile, exists, readText, rename, unlink, writeFile } from "../../linux/files.ts";
import { type AddedPool, samePools } from "../added-pools.ts";
import { parsePool } from "./pool-key.ts";

/**
 * The network's pools as this agent heard of them last:
 *
 *     <directory>/pools     `["{\"subnet\":\"10.90.0.0/16\",…}"]`: the values of their keys; not there when there are none.
 *     <directory>/.pools    the same, not yet complete
 *     <directory>/gateways  `10.90.0.1/16`: a line for each gateway of a pool that was ever known. It stays when the pool is
 *                           removed, as the address may stay on a bridge
 *
 * It may be missing, outdated or damaged. Who takes an address out of a pool compares that its key is what stands here, and
 * whoever looks at etcd, as all do before they give up, puts it right. It is written anew and renamed; of two that do so at
 * once either may win.
 */
export class PoolMemory {
	private readonly directory: string;

	constructor(directory: string) {
		this.directory = directory;
	}

	/** @throws SystemError */
	read(): readonly AddedPool[] {
		const path = this.pathOf("pools");
		// As a rule there are none.
		return exists(path) ? parseMemory(unlessAbsent(() => readText(path))) : [];
	}

	/** What etcd has. Nothing is written, or made, where that is known. @throws SystemError */
	note(pools: readonly AddedPool[]): void {
		if (samePools(this.read(), pools)) return;
		const before = this.gatewayLines();
		const news = pools.map(gatewayText).filter((text) => !before.includes(text));
		if (news.length > 0) {
			const path = this.pathOf("gateways");
			inDirectoryOf(path, () => appendFile(path, news.map((text) => `${text}\n`).join("")));
		}
		if (pools.length === 0) {
			unlessAbsent(() => unlink(this.pathOf("pools")));
			return;
		}
		const incomplete = this.pathOf(".pools");
		inDirectoryOf(incomplete, () => writeFile(incomplete, JSON.stringify(pools.map(({ text }) => text))));
		// Another call may have renamed what both have written.
		unlessAbsent(() => rename(incomplete, this.pathOf("pools")));
	}

	/** With the lengths of their subnets. @throws SystemError */
	gateways(): readonly IpPrefix[] {
		return this.gatewayLines().flatMap((line) => parsePrefix(line) ?? []);
	}

	private gatewayLines(): readonly string[] {
		const text = unlessAbsent(() => readText(this.pathOf("gateways"))) ?? "";
		return text.split("\n").filter((line) => line !== "");
	}

	private pathOf(name: string): string {
		return `${this.directory}/${name}`;
	}
}

function gatewayText({ range: { gateway, subnet } }: AddedPool): string {
	return formatPrefix({ address: gateway, length: subnet.length });
}

function parseMemory(text: string | undefined): readonly AddedPool[] {
	if (text === undefined) return [];
	try {
		const texts = JSON.parse(text) as unknown;
		return Array.isArray(texts)
			? texts.flatMap((each) => (typeof each === "string" ? (parsePool(each) ?? []) : []))
			: [];
	} catch {
		return [];
	}
}
