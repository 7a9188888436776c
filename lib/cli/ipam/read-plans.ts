import { CniError, ErrorCode, errorText } from "../../cni/error.ts";
import { errnoOf, errnoText } from "../../linux/errno.ts";
import { findStatePlaces } from "../survey/state-places.ts";
import { type AddressPlan, readPlan } from "./address-plan.ts";
import { findIpamNetworks, type IpamNetwork } from "./networks.ts";
import { openProgress } from "./progress.ts";

export interface PlanQuery {
	readonly configDirectory: string;
	/** More directories of host-local. */
	readonly dataDirs: readonly string[];
	/** Names; none for all. */
	readonly networks: readonly string[];
}

/** The networks that were asked for, and what could not be understood of the others. @throws CniError for an unknown name */
export function chooseNetworks({ configDirectory, dataDirs, networks: names }: PlanQuery): {
	readonly networks: readonly IpamNetwork[];
	readonly blind: readonly string[];
} {
	const { networks, problems } = findIpamNetworks(configDirectory, findStatePlaces({ configDirectory, dataDirs }));
	const missing = names.find((name) => !networks.some((network) => network.name === name));
	if (missing !== undefined) {
		const known = [...new Set(networks.map(({ name }) => name))].join(", ") || "none";
		const msg = `Cannot look at the addresses of "${missing}": no network of this name takes them from host-local or cluster`;
		throw new CniError(ErrorCode.invalidNetworkConfig, msg, {
			details: [
				`Networks in "${configDirectory}" and in directories of host-local: ${known}`,
				"NETCONFPATH and --data-dir name others",
				...problems,
			].join(". "),
		});
	}
	const chosen = networks.filter(({ name }) => names.length === 0 || names.includes(name));
	const odd = chosen.flatMap(({ name, problem }) =>
		problem === undefined ? [] : [`the ranges of network "${name}": ${problem}`],
	);
	return { networks: chosen, blind: [...problems, ...odd] };
}

/** Their address plans; a network that cannot be read is one more thing that was not seen. */
export async function readPlans(
	query: PlanQuery,
): Promise<{ readonly plans: readonly AddressPlan[]; readonly blind: readonly string[] }> {
	const { networks, blind: before } = chooseNetworks(query);
	const plans: AddressPlan[] = [];
	const blind = [...before];
	using progress = openProgress();
	for (const network of networks) {
		try {
			plans.push(await readPlan(network, progress));
		} catch (thrown) {
			blind.push(`network "${network.name}": ${reasonOf(thrown)}`);
		}
	}
	return { plans, blind };
}

function reasonOf(thrown: unknown): string {
	return errnoOf(thrown) === 0 ? errorText(thrown) : errnoText(errnoOf(thrown));
}
