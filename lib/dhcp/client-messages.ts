import { addressToBytes } from "../ip/address.ts";
import type { Context, Effect, Offer, ProlongingState, RequestingState, SelectingState } from "./client-state.ts";
import { type DhcpMessage, noAddress } from "./message.ts";
import { MessageType, Option } from "./options.ts";

/** DHCPDISCOVER; asks for the lost address where there is one. */
export function discover({ transaction, since, goal }: SelectingState, context: Context): Effect {
	const wanted = goal.lost?.address.address;
	return toEveryone(context, {
		type: MessageType.discover,
		transaction,
		since,
		options: wanted === undefined ? [] : [[Option.requestedAddress, addressToBytes(wanted)]],
	});
}

/** DHCPREQUEST for what was offered. */
export function request({ transaction, since, offer }: RequestingState, context: Context): Effect {
	return toEveryone(context, {
		type: MessageType.request,
		transaction,
		since,
		options: [
			[Option.requestedAddress, addressToBytes(offer.address)],
			[Option.serverIdentifier, addressToBytes(offer.server)],
		],
	});
}

/**
 * DHCPREQUEST for longer. Neither address nor server are options here: the address is in the header, and whom it is sent to is
 * the server.
 */
export function prolongation(
	{ phase, lease, transaction, since }: ProlongingState,
	{ identity, now }: Context,
): Effect {
	const options = new Map(identity.options);
	options.delete(Option.requestedAddress);
	return {
		kind: "send",
		to: phase === "renewing" ? lease : "everyone",
		message: {
			type: MessageType.request,
			transaction,
			seconds: Math.floor((now - since) / 1000),
			broadcast: false,
			clientAddress: lease.address.address,
			yourAddress: noAddress,
			hardwareAddress: identity.hardwareAddress,
			options,
		},
	};
}

/** What tells the server that the address is free again; RFC 2131 section 4.4.6. */
export function release(
	{ address, server }: Pick<Offer, "address" | "server">,
	{ identity, random }: Pick<Context, "identity" | "random">,
): DhcpMessage {
	const id = identity.options.get(Option.clientIdentifier);
	return {
		type: MessageType.release,
		transaction: randomTransaction(random),
		seconds: 0,
		broadcast: false,
		clientAddress: address,
		yourAddress: noAddress,
		hardwareAddress: identity.hardwareAddress,
		options: new Map([
			[Option.serverIdentifier, addressToBytes(server)],
			...(id === undefined ? [] : [[Option.clientIdentifier, id] as const]),
		]),
	};
}

export function randomTransaction(random: () => number): number {
	return Math.floor(random() * 2 ** 32) >>> 0;
}

interface Draft {
	readonly type: number;
	readonly transaction: number;
	readonly since: number;
	readonly options: readonly (readonly [number, Uint8Array])[];
}

function toEveryone({ identity, now }: Context, { type, transaction, since, options }: Draft): Effect {
	return {
		kind: "send",
		to: "everyone",
		message: {
			type,
			transaction,
			seconds: Math.floor((now - since) / 1000),
			broadcast: identity.broadcast,
			clientAddress: noAddress,
			yourAddress: noAddress,
			hardwareAddress: identity.hardwareAddress,
			options: new Map([...identity.options, ...options]),
		},
	};
}
