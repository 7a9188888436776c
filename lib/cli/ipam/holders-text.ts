import { given } from "../../cni/given.ts";
import { formatAddress } from "../../ip/address.ts";
import { formatAge } from "../format-age.ts";
import { type Column, formatGrid } from "../format-grid.ts";
import { plainText } from "../plain-text.ts";
import type { FoundHolder } from "./find-holders.ts";
import { networkToJson } from "./show-json.ts";

/** A table, a row for each; columns in which nothing stands are left away. */
export function holdersText(holders: readonly FoundHolder[], now: number): string {
	const column = (heading: string, textsOf: (holder: FoundHolder) => readonly string[]): Column => ({
		heading,
		cells: holders.map(textsOf),
	});
	const columns = [
		column("NETWORK", ({ network }) => [plainText(network.name)]),
		column("ADDRESS", ({ reservation }) => [formatAddress(reservation.address)]),
		column("AGENT", ({ reservation: { agent } }) => (agent === undefined ? [] : [plainText(agent)])),
		column("CONTAINER", ({ reservation: { owner } }) => [plainText(owner.containerId)]),
		column("INTERFACE", ({ reservation: { owner } }) => (owner.ifName === "" ? [] : [plainText(owner.ifName)])),
		column("LABELS", ({ reservation: { tags } }) => tags.labels.map(labelText)),
		column("GROUPS", ({ reservation: { tags } }) => tags.groups.map(plainText)),
		column("AGE", ({ reservation: { time } }) => (time === undefined ? [] : [formatAge(now - time)])),
		column("FOUND BY", ({ by }) => [by]),
	];
	return formatGrid(columns, { width: Number.POSITIVE_INFINITY });
}

function labelText({ key, value }: { readonly key: string; readonly value?: string | undefined }): string {
	return value === undefined ? plainText(key) : `${plainText(key)}=${plainText(value)}`;
}

export function holderToJson({ network, reservation, by }: FoundHolder): Record<string, unknown> {
	const { address, owner, tags, agent, time, sequence } = reservation;
	return {
		...networkToJson(network),
		address: formatAddress(address),
		...owner,
		...given("agent", agent),
		...given("time", time === undefined ? undefined : new Date(time).toISOString()),
		...given("sequence", sequence),
		labels: tags.labels,
		groups: tags.groups,
		foundBy: by,
	};
}
