import { annotate, CniError, ErrorCode } from "../cni/error.ts";
import type { ResultRoute } from "../cni/result.ts";
import { formatAddress, formatPrefix } from "../ip/address.ts";
import { writeSysctl } from "../linux/sysctl.ts";
import { addAddress } from "../netlink/address.ts";
import { type Link, setLink } from "../netlink/link.ts";
import { addFirstRoute, addRoute, deleteRoute, RT_SCOPE_LINK, tableOrMain } from "../netlink/route.ts";
import type { Message } from "../netlink/wire/message.ts";
import { sourceRouteText } from "./gateway-routes.ts";
import type { InterfaceDescription, SysctlDescription } from "./interface.ts";
import type { Sandbox } from "./sandbox.ts";

/**
 * Makes the interface `link` of the sandbox what the description says: parameters first, since the kernel acts on them
 * when the link comes up, then addresses, link up, routes, sent together.
 *
 * @throws CniError naming the first step that failed; the later ones may have been done
 */
export function applyInterface(
	sandbox: Sandbox,
	{ link, description }: { link: Link; description: InterfaceDescription },
): void {
	const { name, addresses, routes, sysctls, up, detectDuplicates, gatewayRoutes } = description;
	sandbox.namespace.run(() => sysctls.forEach(applySysctl));
	const steps: { readonly failure: string; readonly message: Message }[] = [
		...addresses.map((prefix) => ({
			failure: `failed to add IP addr ${formatPrefix(prefix)} to "${name}"`,
			message: addAddress(link.index, { prefix, detectDuplicates }),
		})),
		...(up ? [{ failure: `failed to set "${name}" UP`, message: setLink(link, { up }) }] : []),
		// Before the others, which may name a gateway that lies in none of the networks.
		...(gatewayRoutes?.gateways ?? []).map((route) => ({
			failure: `failed to add route '${sourceRouteText(route)} dev ${name}'`,
			message: addFirstRoute({ ...route, linkIndex: link.index, scope: RT_SCOPE_LINK }),
		})),
		...routes.map((route) => ({
			failure: `failed to add route '${routeText(route)} dev ${name}'`,
			message: addRoute(routeThrough(link, route)),
		})),
		// Last: until then the kernel's own lead to gateways that only single routes have.
		...(gatewayRoutes?.networks ?? []).flatMap((route) => [
			{
				failure: `failed to delete route '${formatPrefix(route.destination)} dev ${name}'`,
				message: deleteRoute({ ...route, linkIndex: link.index }),
			},
			{
				failure: `failed to add route '${sourceRouteText(route)} dev ${name}'`,
				message: addFirstRoute({ ...route, linkIndex: link.index }),
			},
		]),
	];
	const errors = sandbox.socket.requestAll(steps.map(({ message }) => message));
	const failed = errors.findIndex((error) => error !== undefined);
	if (failed >= 0) {
		throw new CniError(ErrorCode.internal, `${steps[failed]?.failure}: ${errors[failed]?.message}`, {
			cause: errors[failed],
		});
	}
}

/** A result's route as the kernel's route through `link`. */
export function routeThrough(link: Link, route: ResultRoute) {
	const { dst, gw, priority, table, scope, mtu, advmss } = route;
	return {
		destination: dst,
		linkIndex: link.index,
		gateway: gw,
		priority,
		table: tableOrMain(table),
		scope,
		mtu,
		advmss,
	};
}

/** A route as `ip route` writes it. */
export function routeText({ dst, gw, priority, table, scope, mtu, advmss }: ResultRoute): string {
	return [
		formatPrefix(dst),
		...(gw === undefined ? [] : [`via ${formatAddress(gw)}`]),
		...(priority ? [`metric ${priority}`] : []),
		...(table === undefined ? [] : [`table ${table}`]),
		...(scope === undefined ? [] : [`scope ${scope}`]),
		...(mtu ? [`mtu ${mtu}`] : []),
		...(advmss ? [`advmss ${advmss}`] : []),
	].join(" ");
}

function applySysctl({ path, value, essential }: SysctlDescription): void {
	try {
		annotate(`failed to set sysctl "${path}" to ${value}`, () => writeSysctl(path, value));
	} catch (thrown) {
		if (essential) throw thrown;
	}
}
