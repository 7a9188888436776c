import { parseOwnerAlias } from "../../../attachment/host-links.ts";
import { feedersOf, ifbNames, isIfbDevice } from "../../../attachment/ifb-device.ts";
import { quoteText } from "../../../cni/quote-text.ts";
import type { Link } from "../../../netlink/link.ts";
import { findQdisc } from "../../../netlink/qdisc.ts";
import { openRouteSocket } from "../../../netlink/rtnetlink.ts";
import { rootParent } from "../../../netlink/traffic-control.ts";
import type { NetlinkSocket } from "../../../netlink/wire/socket.ts";
import type { FindingKind, Look, Owner, Verdict } from "../finding.ts";
import { judge, ownerOf } from "../judge.ts";
import { removeSameLink } from "./host-links.ts";

/** Devices of bandwidth, of either suite, which outlive the link whose packets they limit. */
export const ifbDevices: FindingKind = {
	name: "ifb device",
	find(look) {
		using host = openRouteSocket();
		return look.survey.hostLinks.filter(isIfbDevice).flatMap((link) => {
			const owner = ownerOfDevice(link, look);
			const proof = proofOf(host, { link, look });
			const isFed = feedersOf(host, link).length > 0;
			const verdict = isFed ? fed : judge(owner, look, proof === undefined ? {} : { proof });
			return [
				{
					key: `${link.name} ${link.alias}`,
					what: `ifb ${quoteText(link.name)}`,
					where: "the host's interfaces",
					owner,
					verdict,
					remove: () => removeSameLink(link),
				},
			];
		});
	},
};

const fed: Verdict = { certainty: "lives", reason: "packets of a link are redirected to it" };

/** The reference gives no alias, but a name that follows from network and container. */
function ownerOfDevice({ alias, name }: Link, { survey }: Look): Owner {
	const tagged = parseOwnerAlias(alias);
	if (tagged !== undefined) return { prefix: tagged.prefix, ...tagged.attachment };
	const witness = survey.witnesses.find(({ attachment }) => ifbNames(attachment).includes(name));
	return witness === undefined ? {} : ownerOf(witness.attachment);
}

function proofOf(host: NetlinkSocket, { link, look }: { link: Link; look: Look }): string | undefined {
	const { alias, index } = link;
	if (alias === "") {
		// The reference limits a device last: one without limits may belong to an ADD under way.
		const isLimited = findQdisc(host, { index, parent: rootParent })?.tokenBucket !== undefined;
		return isLimited ? "nothing is redirected to it any more" : undefined;
	}
	const hasLink = look.survey.hostLinks.some((other) => other.alias === alias && other.kind !== "ifb");
	return hasLink ? undefined : "nothing is redirected to it, and its container's link is gone";
}
