import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import { formatAddress, formatPrefix, isDefaultPrefix } from "../../../lib/ip/address.ts";
import { Errno } from "../../../lib/linux/errno.ts";
import { appendRoute, deleteExactRoute, type RouteCopy } from "../../../lib/netlink/route-copy.ts";
import { addRule } from "../../../lib/netlink/rule.ts";
import type { Message } from "../../../lib/netlink/wire/message.ts";
import type { SourceRouting } from "./describe.ts";

interface Step {
	/** What is said when it fails, before the reason. */
	readonly failure: string;
	readonly message: Message;
	/** An errno that means that there is nothing to do. */
	readonly done?: number;
}

/**
 * Fills the tables, then leads packets there, and only then takes routes out of main: at no moment is an address without a
 * way. @throws CniError naming the first step that failed
 */
export function applyRouting({ socket }: Sandbox, routing: SourceRouting): void {
	run([
		...routing.tableRoutes.map((route) => ({ failure: failureOf(route), message: appendRoute(route) })),
		...routing.rules.map((rule) => ({
			failure: `Failed to add rule: from ${formatAddress(rule.source)} lookup ${rule.table}`,
			message: addRule(rule),
		})),
	]);
	run([
		...routing.hints.map((route) => ({ failure: failureOf(route), message: appendRoute(route), done: Errno.EEXIST })),
		...routing.movedRoutes.map((route) => ({
			failure: `Failed to delete route: ${routeTextOf(route)}`,
			message: deleteExactRoute(route),
			done: Errno.ESRCH,
		})),
	]);

	function run(steps: readonly Step[]): void {
		const errors = socket.requestAll(steps.map(({ message }) => message));
		const failed = steps.findIndex(({ done }, index) => errors[index] !== undefined && errors[index]?.errno !== done);
		const error = errors[failed];
		if (error === undefined) return;
		throw new CniError(ErrorCode.internal, `${steps[failed]?.failure}: ${error.message}`, {
			details: "`ip rule` and `ip route show table all` in the container's namespace show what is there",
			cause: error,
		});
	}
}

function failureOf(route: RouteCopy): string {
	const [hop] = route.hops;
	return isDefaultPrefix(route.destination) && hop?.gateway !== undefined
		? `Failed to add default route to ${formatAddress(hop.gateway)}`
		: `Failed to readd route: ${routeTextOf(route)}`;
}

/** As `ip route` writes it. */
export function routeTextOf({ destination, hops, source, table }: RouteCopy): string {
	return [
		formatPrefix(destination),
		...hops.flatMap(({ gateway }) => (gateway === undefined ? [] : [`via ${formatAddress(gateway)}`])),
		...(source === undefined ? [] : [`src ${formatAddress(source)}`]),
		`table ${table}`,
	].join(" ");
}
