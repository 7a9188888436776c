import { CniError, ErrorCode } from "../../cni/error.ts";
import { compareAddresses } from "../../ip/address.ts";
import { createFileStore } from "../../ipam/file-store/file-store.ts";
import type { Reservation } from "../../ipam/store.ts";
import { Errno, errnoOf, errnoText } from "../../linux/errno.ts";
import { lockFile } from "../../linux/file-lock.ts";
import { isDirectory, listDirectory } from "../../linux/files.ts";
import { hasAll, type TagFilter } from "./tag-filter.ts";

/** An address of a network, who holds it, and by what tags. */
export interface ListedAddress extends Reservation {
	readonly network: string;
}

export interface AddressQuery {
	/** host-local's. */
	readonly dataDir: string;
	/** None for all. */
	readonly networks: readonly string[];
	readonly filter: TagFilter;
}

/** By network and address. @throws CniError when the directory cannot be read, or has no such network */
export async function listAddresses({ dataDir, networks, filter }: AddressQuery): Promise<readonly ListedAddress[]> {
	const present = networksIn(dataDir);
	const missing = networks.find((network) => !present.includes(network));
	if (missing !== undefined) throw unknownNetwork(missing, { dataDir, present });
	const listed: ListedAddress[] = [];
	for (const network of networks.length === 0 ? present : networks) {
		const reservations = await reservationsOf(dataDir, network);
		const tagged = reservations.filter(({ tags }) => hasAll(tags, filter));
		const sorted = tagged.toSorted((a, b) => compareAddresses(a.address, b.address));
		listed.push(...sorted.map((reservation) => ({ network, ...reservation })));
	}
	return listed;
}

function unknownNetwork(
	network: string,
	{ dataDir, present }: { dataDir: string; present: readonly string[] },
): CniError {
	const msg = `Cannot list the addresses of "${network}": there is no such network in "${dataDir}"`;
	return new CniError(ErrorCode.invalidNetworkConfig, msg, {
		details: `Networks there: ${present.join(", ") || "none"}. --data-dir names another directory ("ipam.dataDir")`,
	});
}

/** The directories of networks; those that begin with a dot are of other use (layout.ts). */
function networksIn(dataDir: string): readonly string[] {
	let names: readonly string[];
	try {
		names = listDirectory(dataDir);
	} catch (thrown) {
		if (errnoOf(thrown) === Errno.ENOENT) return [];
		throw unreadable(dataDir, thrown);
	}
	return names.filter((name) => !name.startsWith(".") && isDirectory(`${dataDir}/${name}`)).sort();
}

async function reservationsOf(dataDir: string, network: string): Promise<readonly Reservation[]> {
	try {
		return await createFileStore({ dataDir, network, cooldownMs: 0, lock: lockFile }).list();
	} catch (thrown) {
		throw unreadable(`${dataDir}/${network}`, thrown);
	}
}

function unreadable(path: string, thrown: unknown): unknown {
	const errno = errnoOf(thrown);
	if (errno === 0) return thrown;
	return new CniError(ErrorCode.ioFailure, `Cannot read "${path}": ${errnoText(errno)}`, { cause: thrown });
}
