import { CniError, ErrorCode, messageOf } from "../../cni/error.ts";
import { type Bus, BusError, hasOwner, openBus } from "../../dbus/bus.ts";
import { formatPrefix, hostPrefix, type IpAddress } from "../../ip/address.ts";

/** firewalld over the system bus: an address is a source of a zone, whose target says what becomes of its traffic. */

const service = "org.fedoraproject.FirewallD1";

/** Whether firewalld has its name on the system bus; without a bus it has not. Starts nothing. */
export function isFirewalldRunning(): boolean {
	try {
		using bus = openBus(process.env.DBUS_SYSTEM_BUS_ADDRESS);
		return hasOwner(bus, service);
	} catch {
		return false;
	}
}

/** `firewall-cmd --zone=ZONE --add-source=ADDRESS`, for each. @throws CniError, also when another zone has the address */
export function addSources(zone: string, addresses: readonly IpAddress[]): void {
	withFirewalld((bus) => {
		for (const address of addresses) {
			const source = formatPrefix(hostPrefix(address));
			try {
				call(bus, { member: "addSource", args: [zone, source] });
			} catch (thrown) {
				const present = isPresent(thrown) ? call(bus, { member: "getZoneOfSource", args: [source] }) : undefined;
				if (present === zone) continue;
				const reason = typeof present === "string" ? `it is in zone "${present}"` : messageOf(thrown);
				throw new CniError(ErrorCode.internal, `failed to add the address ${source} to ${zone} zone: ${reason}`, {
					details:
						typeof present === "string"
							? `Remove it with: firewall-cmd --zone=${present} --remove-source=${source}`
							: "Zones are listed by: firewall-cmd --get-zones",
					cause: thrown,
				});
			}
		}
	});
}

/** What of the addresses the zone does not have, in words. `firewall-cmd --zone=ZONE --query-source=ADDRESS` @throws CniError */
export function missingSources(zone: string, addresses: readonly IpAddress[]): readonly string[] {
	return withFirewalld((bus) =>
		addresses
			.map((address) => formatPrefix(hostPrefix(address)))
			.filter((source) => call(bus, { member: "querySource", args: [zone, source] }) !== true)
			.map((source) => `address ${source} in ${zone} zone of firewalld`),
	);
}

/**
 * `firewall-cmd --zone=ZONE --remove-source=ADDRESS`, for each. What the zone does not have is gone already, and so is
 * all of it where firewalld or the bus does not run: sources are not kept.
 *
 * @throws CniError for what firewalld has and will not remove
 */
export function removeSources(zone: string, addresses: readonly IpAddress[]): void {
	if (!isFirewalldRunning()) return;
	withFirewalld((bus) => {
		for (const address of addresses) {
			try {
				call(bus, { member: "removeSource", args: [zone, formatPrefix(hostPrefix(address))] });
			} catch (thrown) {
				if (!isGone(thrown)) throw thrown;
			}
		}
	});
}

/** @throws CniError when firewalld does not run or does not know the zone */
export function probeFirewalld(zone: string): void {
	withFirewalld((bus) => call(bus, { member: "querySource", args: [zone, "192.0.2.1/32"] }));
}

/** The address has a zone: of firewalld before 1.0 and since. */
function isPresent(thrown: unknown): boolean {
	return thrown instanceof BusError && /ZONE_ALREADY_SET|ZONE_CONFLICT|ALREADY_ENABLED/.test(thrown.message);
}

/** The source, the zone, or firewalld by now. */
function isGone(thrown: unknown): boolean {
	if (!(thrown instanceof BusError)) return false;
	return (
		/UNKNOWN_SOURCE|ZONE_CONFLICT|NOT_ENABLED|INVALID_ZONE/.test(thrown.message) ||
		/ServiceUnknown|NameHasNoOwner/.test(thrown.errorName)
	);
}

function call(bus: Bus, { member, args }: { member: string; args: readonly string[] }): string | boolean | undefined {
	return bus.call(
		{ destination: service, path: "/org/fedoraproject/FirewallD1", interface: `${service}.zone`, member },
		args,
	);
}

function withFirewalld<T>(action: (bus: Bus) => T): T {
	try {
		using bus = openBus(process.env.DBUS_SYSTEM_BUS_ADDRESS);
		return action(bus);
	} catch (thrown) {
		if (thrown instanceof CniError) throw thrown;
		if (thrown instanceof BusError && thrown.errorName.startsWith(service)) {
			throw new CniError(ErrorCode.internal, `firewalld refuses: ${thrown.message}`, {
				details: "Zones are listed by: firewall-cmd --get-zones",
				cause: thrown,
			});
		}
		throw new CniError(ErrorCode.internal, `Cannot speak with firewalld: ${messageOf(thrown)}`, {
			details: 'Start it (systemctl start firewalld), or choose another "backend"',
			cause: thrown,
		});
	}
}
