import { Command } from "commander";
import type { PluginRegistry } from "../../../cni/call.ts";
import { CniError, ErrorCode } from "../../../cni/error.ts";
import { formatAddress } from "../../../ip/address.ts";
import { writeStdout } from "../../../linux/stdio.ts";
import { ExitWith } from "../../exit-with.ts";
import { formatTable } from "../../format-table.ts";
import { readPlan } from "../../ipam/address-plan.ts";
import { type CommonOptions, queryOf, withCommonOptions } from "../../ipam/common-options.ts";
import { lookAround, minAgeOption } from "../../ipam/look-around.ts";
import { type Moved, migrate } from "../../ipam/migrate/migrate.ts";
import { planMigration } from "../../ipam/migrate/plan-migration.ts";
import type { ClusterNetwork } from "../../ipam/networks.ts";
import { openProgress } from "../../ipam/progress.ts";
import { chooseNetworks } from "../../ipam/read-plans.ts";
import { plainJson, plainLine, plainText } from "../../plain-text.ts";
import { directoriesIn } from "../../survey/recorded-witnesses.ts";

interface Options extends CommonOptions {
	readonly from: string;
	readonly fromNetwork?: string;
	readonly dryRun?: boolean;
	readonly minAge: number;
}

/** `cnictl ipam migrate NETWORK` */
export function ipamMigrateCommand(plugins: PluginRegistry): Command {
	return withCommonOptions(new Command("migrate"))
		.description(
			"Reserves in a cluster's network what running containers of this host hold from host-local: the same addresses, " +
				"with their tags. All is looked at first; when something cannot be moved, nothing is. Can be repeated.",
		)
		.argument("<network>", "name of the network whose IPAM is cluster")
		.requiredOption("-f, --from <directory>", `"ipam.dataDir" of host-local, such as /var/lib/cni/networks`)
		.option("--from-network <name>", "the network there (default: the same name)")
		.option("--dry-run", "look only")
		.addOption(minAgeOption())
		.addHelpText("after", "\nExample:\n  cnictl ipam migrate mynet --from /var/lib/cni/networks --dry-run")
		.action((network: string, options: Options) => run(network, { ...options, plugins }));
}

async function run(name: string, options: Options & { readonly plugins: PluginRegistry }): Promise<void> {
	const { dryRun = false, json = false, fromNetwork = name } = options;
	const dataDir = options.from.replace(/(?<=.)\/+$/, "");
	const query = queryOf({ ...options, dataDir: [...options.dataDir, dataDir] }, [name]);
	const network = clusterNetworkIn(query, name);
	if (!directoriesIn(dataDir).includes(fromNetwork)) {
		throw new CniError(
			ErrorCode.invalidNetworkConfig,
			`Cannot migrate from "${dataDir}": it has no network "${fromNetwork}"`,
			{
				details: `Networks there: ${directoriesIn(dataDir).join(", ") || "none"}. --from-network names another`,
			},
		);
	}
	using progress = openProgress();
	const source = {
		type: "host-local",
		name: fromNetwork,
		dataDir,
		sets: [],
		problem: undefined,
		cooldownMs: 0,
	} as const;
	const [from, to] = [await readPlan(source, progress), await readPlan(network, progress)];
	const moves = planMigration({ from, to, network, look: lookAround(query, options) });
	const hasConflict = moves.some(({ kind }) => kind === "conflict");
	const isLookOnly = dryRun || hasConflict;
	const results = isLookOnly
		? moves.map((move) => ({ move, outcome: move.kind, reason: move.reason }))
		: await migrate(moves, { network, progress });
	writeStdout(json ? plainJson({ attachments: results.map(toJson) }) : textOf(results));
	if (hasConflict) {
		throw new CniError(
			ErrorCode.invalidNetworkConfig,
			`Cannot migrate to network "${name}": not everything can be moved`,
			{
				details: "Nothing was changed. Settle the conflicts, and call it again",
			},
		);
	}
	if (results.some(({ outcome }) => outcome === "failed")) throw new ExitWith(1);
}

function clusterNetworkIn(query: Parameters<typeof chooseNetworks>[0], name: string): ClusterNetwork {
	const { networks } = chooseNetworks(query);
	const found = networks.find((network) => network.type === "cluster");
	if (found?.type === "cluster") return found;
	throw new CniError(ErrorCode.invalidNetworkConfig, `Cannot migrate to network "${name}": its IPAM is not cluster`, {
		details: `Change its configuration first ("ipam.type", "ipam.endpoints"), and keep its name and ranges`,
	});
}

type Result = Pick<Moved, "move" | "reason"> & { readonly outcome: Moved["outcome"] | "move" };

function textOf(results: readonly Result[]): string {
	if (results.length === 0) return "Nothing is reserved there\n";
	const rows = results.map(({ move, outcome, reason }) => [
		outcome,
		move.addresses.map(formatAddress).join(","),
		plainText(move.owner.containerId),
		move.owner.ifName === "" ? "-" : plainText(move.owner.ifName),
		plainLine(reason),
	]);
	return formatTable([["OUTCOME", "ADDRESSES", "CONTAINER", "INTERFACE", "REASON"], ...rows]);
}

function toJson({ move, outcome, reason }: Result): Record<string, unknown> {
	return { ...move.owner, addresses: move.addresses.map(formatAddress), outcome, reason };
}
