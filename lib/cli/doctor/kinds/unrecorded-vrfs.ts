import { quoteText } from "../../../cni/quote-text.ts";
import type { VrfRecord } from "../../../state/vrf-record.ts";
import { findRecords } from "../../survey/recorded-witnesses.ts";
import type { FindingKind } from "../finding.ts";
import { describeNamespace } from "../judge.ts";

/** VRFs in containers that no interface is in, and no record tells of: the container may have made them itself. */
export const unrecordedVrfs: FindingKind = {
	name: "VRF",
	find({ survey }) {
		const recorded = findRecords(survey.places).flatMap(({ source, file: { record } }) =>
			source.type === "vrf" && record !== undefined ? [record as VrfRecord] : [],
		);
		return [...survey.namespaces.all.values()].flatMap((namespace) => {
			const links = survey.namespaces.contentOf(namespace.identity)?.links ?? [];
			const isRecorded = (name: string) =>
				recorded.some(({ vrf, sandbox }) => vrf === name && sandbox.namespace === namespace.identity);
			return links
				.filter(
					({ kind, name, index }) =>
						kind === "vrf" && !isRecorded(name) && !links.some((link) => link.master === index),
				)
				.map(({ name, index }) => ({
					key: `${namespace.identity} ${index}`,
					what: `VRF ${quoteText(name)}`,
					where: describeNamespace(namespace, survey),
					owner: {},
					verdict: {
						certainty: "unsure" as const,
						reason: "no interface is in it, and no record tells of it: its container may have made it itself",
					},
					remove() {},
				}));
		});
	},
};
