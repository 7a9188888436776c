import { parseOwnerAlias, removeLink } from "../../../attachment/host-links.ts";
import { quoteText } from "../../../cni/quote-text.ts";
import { findLink, type Link } from "../../../netlink/link.ts";
import { openRouteSocket } from "../../../netlink/rtnetlink.ts";
import type { LivingNamespace } from "../../survey/namespaces.ts";
import { isConnected, type Survey } from "../../survey/survey.ts";
import { connectedSandbox } from "../../survey/witness.ts";
import type { Finding, FindingKind, Look, Owner, Verdict } from "../finding.ts";
import { describeNamespace, judge } from "../judge.ts";

/**
 * Links of the host that carry an owner as alias. The kernel removes a veth pair with either of its namespaces: what has
 * another end somewhere is left over only where nobody uses that namespace any more.
 */
export const hostLinks: FindingKind = {
	name: "host link",
	find: (look) =>
		look.survey.hostLinks
			.filter(({ kind }) => kind !== "ifb")
			.flatMap((link) => {
				const owner = parseOwnerAlias(link.alias);
				if (owner === undefined) return [];
				const { prefix, attachment } = owner;
				return findingOf(link, { owner: { prefix, ...attachment }, look });
			}),
};

function findingOf(link: Link, { owner, look }: { owner: Owner; look: Look }): readonly Finding[] {
	const verdict = isConnected(link)
		? verdictOnConnected(link, { owner, survey: look.survey })
		: verdictOnUnconnected(link, { owner, look });
	return [
		{
			key: `${link.name} ${link.alias}`,
			what: `${link.kind || "link"} ${quoteText(link.name)}`,
			where: "the host's interfaces",
			owner,
			verdict,
			remove: () => removeSameLink(link),
		},
	];
}

/** No plugin makes a pair with both ends on the host, not for a moment. */
function verdictOnUnconnected(link: Link, { owner, look }: { owner: Owner; look: Look }): Verdict {
	const isPairHere = link.kind === "veth" && look.survey.hostLinks.some(({ index }) => index === link.peerIndex);
	return judge(owner, look, isPairHere ? { proof: "both of its ends are on the host, and none in a container" } : {});
}

function verdictOnConnected(link: Link, { owner, survey }: { owner: Owner; survey: Survey }): Verdict {
	const others = survey.witnessIndex
		.ofAttachment(owner.prefix ?? "")
		.filter(({ sandbox, state }) => state.kind === "alive" && sandbox.path !== connectedSandbox);
	const namespace = namespaceBehind(link, survey);
	if (others.length > 0 || namespace === undefined || namespace.pids.length > 0) {
		return { certainty: "lives", reason: "it leads into a namespace that is in use" };
	}
	const reason = `no process is in ${describeNamespace(namespace, survey)} that it leads to, and nothing else tells of its container`;
	return { certainty: "unsure", reason };
}

function namespaceBehind({ index, peerIndex }: Link, { namespaces }: Survey): LivingNamespace | undefined {
	return [...namespaces.all.values()].find(({ identity }) =>
		namespaces.contentOf(identity)?.links.some((link) => link.index === peerIndex && link.peerIndex === index),
	);
}

/** Unless somebody has made another of the name. */
export function removeSameLink({ index, name, alias }: Link): void {
	using host = openRouteSocket();
	const link = findLink(host, { name });
	if (link?.index === index && link.alias === alias) removeLink(host, { index });
}
