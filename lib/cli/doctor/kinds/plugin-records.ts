import { quoteText } from "../../../cni/quote-text.ts";
import { parseAddress, sameAddress } from "../../../ip/address.ts";
import type { SourceRoutingRecord } from "../../../state/source-routing-record.ts";
import type { VrfRecord } from "../../../state/vrf-record.ts";
import type { NamespaceContent } from "../../survey/namespaces.ts";
import { type FoundRecord, findRecords, recordSources } from "../../survey/recorded-witnesses.ts";
import { callDel } from "../call-del.ts";
import type { Finding, FindingKind, Look } from "../finding.ts";
import { type Exhibit, judge, ownerOf } from "../judge.ts";

/**
 * What sbr, vrf, tuning and host-device have kept for a DEL: it is called here, and takes back what the record tells of:
 * rules and tables, VRFs, the name of a device.
 */
export const pluginRecords: readonly FindingKind[] = recordSources.map((source) => ({
	name: source.what,
	find: (look: Look) => findRecords(look.survey.places, [source]).flatMap((found) => findingOf(found, look) ?? []),
}));

function findingOf(found: FoundRecord, look: Look): Finding | undefined {
	const { source, network, dataDir, file } = found;
	const { record } = file;
	const { containerId, ifName } = record ?? file.owner;
	const attachment = { network, containerId, ifName };
	const owner = ownerOf(attachment);
	const remnant = remnantOf(found, look);
	const verdict = judge(owner, look, { since: file.changedAt, ...exhibitOf(found, remnant) });
	return {
		key: `${file.path} ${file.changedAt}`,
		what: remnant?.what ?? (file.complete ? `record of ${source.type}` : `half a record of ${source.type}`),
		where: quoteText(remnant?.where ?? file.path),
		owner,
		verdict,
		remove: () => callDel(look, { type: source.type, attachment, config: { dataDir } }),
	};
}

function exhibitOf({ file }: FoundRecord, remnant: Remnant | undefined): Exhibit {
	if (!file.complete) return { proof: "an ADD was killed before it was whole, and had changed nothing" };
	return remnant === undefined ? {} : { proof: remnant.proof, outlivesInterface: true };
}

/** What is left in a namespace that lives on without the interface. */
interface Remnant {
	readonly what: string;
	readonly where: string;
	readonly proof: string;
}

function remnantOf({ source, file: { record } }: FoundRecord, { survey }: Look): Remnant | undefined {
	if (record === undefined) return undefined;
	const content = survey.namespaces.contentOf(record.sandbox.namespace);
	if (content === undefined) return undefined;
	const where = record.sandbox.path;
	if (source.type === "sbr") {
		const { rules, linkIndex } = record as SourceRoutingRecord;
		const sources = rules.map(([text]) => parseAddress(text));
		const inUse = content.addresses.some(({ address }) => sources.some((other) => sameAddress(other, address)));
		if (inUse || hasInterface(content, { ...record, linkIndex })) return undefined;
		const tables = [...new Set(rules.map(([, table]) => table))].join(", ");
		const proof = "no interface of its namespace has its addresses any more";
		return { what: `rules and tables ${tables}`, where, proof };
	}
	if (source.type === "vrf") {
		const { vrf, linkIndex } = record as VrfRecord;
		if (hasInterface(content, { ...record, linkIndex })) return undefined;
		const device = content.links.find(({ name, kind }) => name === vrf && kind === "vrf");
		// Others are still in it: of this one only the record is left.
		const isUsed = content.links.some(({ master }) => master === device?.index);
		const what = device === undefined || isUsed ? "record of vrf" : `VRF ${quoteText(vrf)}`;
		return { what, where, proof: "its interface is gone from a namespace that lives on" };
	}
	return undefined;
}

function hasInterface(
	{ links }: NamespaceContent,
	{ linkIndex, ifName }: { linkIndex: number; ifName: string },
): boolean {
	return links.some(({ index, name }) => index === linkIndex || name === ifName);
}
