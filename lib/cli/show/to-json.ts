import { given } from "../../cni/given.ts";
import { formatAddress, formatPrefix } from "../../ip/address.ts";
import type { Checked, ShownAttachment } from "./shown-attachment.ts";

/** What `--json` prints of an attachment. `inKernel` is absent where nobody can tell. */
export function toJson(attachment: ShownAttachment): Record<string, unknown> {
	const { addresses, routes, ports, groups, limits, hostLink, rules, since, ...rest } = attachment;
	return {
		...rest,
		addresses: addresses.map((entry) => checked(entry, (address) => ({ address: formatAddress(address) }))),
		routes: routes.map((entry) =>
			checked(entry, ({ destination, gateway }) => ({
				dst: formatPrefix(destination),
				...given("gw", gateway && formatAddress(gateway)),
			})),
		),
		ports: ports.map((entry) =>
			checked(entry, ({ hostAddress, ...port }) => ({
				...port,
				...given("hostIP", hostAddress && formatAddress(hostAddress)),
			})),
		),
		groups: groups.map((entry) => checked(entry, (name) => ({ name }))),
		limits: limits.map((entry) => checked(entry, (limit) => ({ ...limit }))),
		...given("hostLink", hostLink && checked(hostLink, (name) => ({ name }))),
		firewall: rules.map((entry) => checked(entry, (kind) => ({ kind }))),
		...given("since", since === undefined ? undefined : new Date(since).toISOString()),
	};
}

function checked<T>({ value, inKernel }: Checked<T>, membersOf: (value: T) => object): object {
	return { ...membersOf(value), ...given("inKernel", inKernel) };
}
