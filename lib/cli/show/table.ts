import { quoteText } from "../../cni/quote-text.ts";
import { formatAddress } from "../../ip/address.ts";
import { formatAge } from "../format-age.ts";
import { type Column, formatGrid } from "../format-grid.ts";
import { plainText } from "../plain-text.ts";
import type { Checked, ShownAttachment } from "./shown-attachment.ts";
import { limitText, marked, portText, routeText } from "./texts.ts";

/** As wide as a usual terminal of an operator. */
const width = 120;

/** A row for each attachment, of as many lines as it has addresses and routes, or ports and groups. */
export function tableOf(attachments: readonly ShownAttachment[], now: number): string {
	const column = (
		heading: string,
		cellOf: (attachment: ShownAttachment) => readonly string[],
		rest: Pick<Column, "leastWidth" | "always"> = {},
	): Column => ({ heading, cells: attachments.map(cellOf), ...rest });
	return formatGrid(
		[
			column("NETWORK", ({ network }) => [plainText(network)], { leastWidth: 8, always: true }),
			column("ATTACHMENT", attachmentCell, { leastWidth: 14, always: true }),
			column("ADDRESSES, ROUTES", addressCell, { leastWidth: 24, always: true }),
			column("PORTS, GROUPS", portCell, { leastWidth: 17 }),
			column("HOST LINK, LIMITS", linkCell, { leastWidth: 17 }),
			column("AGE", ({ since }) => (since === undefined ? [] : [formatAge(now - since)]), { always: true }),
			column("STATE", ({ state, missing }) => [state === "missing" ? `${missing.length} missing` : state], {
				always: true,
			}),
		],
		{ width },
	);
}

/** The beginning of a long id tells it from others, and the interface must be seen. */
function attachmentCell({ containerId, ifName }: ShownAttachment): readonly string[] {
	const id = plainText(containerId);
	const shortId = id.length > 24 ? `${id.slice(0, 23)}…` : id;
	return [`${shortId}/${ifName === "" ? "?" : plainText(ifName)}`];
}

function addressCell({ addresses, routes }: ShownAttachment): readonly string[] {
	return [...linesOf(addresses, formatAddress), ...linesOf(routes, routeText)];
}

/** Groups in quotes, as `cnictl groups` has them: a group may be called like a port. */
function portCell({ ports, groups }: ShownAttachment): readonly string[] {
	return [...linesOf(ports, portText), ...linesOf(groups, quoteText)];
}

function linkCell({ hostLink, limits }: ShownAttachment): readonly string[] {
	return [...linesOf(hostLink === undefined ? [] : [hostLink], plainText), ...linesOf(limits, limitText)];
}

function linesOf<T>(items: readonly Checked<T>[], textOf: (value: T) => string): readonly string[] {
	return items.map((item) => marked(item, textOf));
}
