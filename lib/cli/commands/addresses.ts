import { Command } from "commander";
import { formatAddress } from "../../ip/address.ts";
import { defaultDataDir } from "../../ipam/file-store/layout.ts";
import type { Label } from "../../ipam/tags.ts";
import { writeStdout } from "../../linux/stdio.ts";
import { type ListedAddress, listAddresses } from "../addresses/list-addresses.ts";
import { parseLabelFilter } from "../addresses/tag-filter.ts";
import { formatTable } from "../format-table.ts";
import { plainText } from "../plain-text.ts";

interface Options {
	readonly dataDir: string;
	readonly label: readonly string[];
	readonly group: readonly string[];
	readonly json?: boolean;
}

/** `cnictl addresses [NETWORK...]` */
export function addressesCommand(): Command {
	return new Command("addresses")
		.description("Lists the addresses that host-local has given, who holds them, and the tags of the holders.")
		.argument("[network...]", "names of networks (default: all)")
		.option("-d, --data-dir <directory>", `"ipam.dataDir" of the networks`, defaultDataDir)
		.option("-l, --label <key[=value]>", "only of holders with this label; may be repeated", append, [])
		.option("-g, --group <name>", "only of holders in this group; may be repeated", append, [])
		.option("--json", "print JSON")
		.addHelpText("after", "\nExample:\n  cnictl addresses mesos --label app=web --group prod")
		.action((networks: string[], options: Options) => run(networks, options));
}

function append(value: string, before: readonly string[]): readonly string[] {
	return [...before, value];
}

async function run(networks: readonly string[], { dataDir, label, group, json = false }: Options): Promise<void> {
	const filter = { labels: label.map(parseLabelFilter), groups: group };
	const addresses = await listAddresses({ dataDir, networks, filter });
	writeStdout(
		json ? `${JSON.stringify({ dataDir, addresses: addresses.map(toJson) }, null, "\t")}\n` : tableOf(addresses),
	);
}

function toJson({ network, address, owner, tags }: ListedAddress): Record<string, unknown> {
	return { network, address: formatAddress(address), ...owner, labels: tags.labels, groups: tags.groups };
}

function tableOf(addresses: readonly ListedAddress[]): string {
	const rows = addresses.map(({ network, address, owner, tags }) => [
		network,
		formatAddress(address),
		owner.containerId,
		owner.ifName || "-",
		tags.labels.map(labelText).join(",") || "-",
		tags.groups.map(plainText).join(",") || "-",
	]);
	return formatTable([["NETWORK", "ADDRESS", "CONTAINER", "INTERFACE", "LABELS", "GROUPS"], ...rows]);
}

function labelText({ key, value }: Label): string {
	return value === undefined ? plainText(key) : `${plainText(key)}=${plainText(value)}`;
}
