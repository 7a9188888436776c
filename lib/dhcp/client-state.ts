import type { IpAddress } from "../ip/address.ts";
import type { Lease } from "./lease.ts";
import type { DhcpMessage } from "./message.ts";
import type { Options } from "./options.ts";

/** Who asks, and what is sent along. */
export interface ClientIdentity {
	readonly hardwareAddress: Uint8Array;
	/** Of every DHCPDISCOVER and DHCPREQUEST; of DHCPRELEASE the client identifier alone. */
	readonly options: Options;
	/** Whether servers shall broadcast their answers. */
	readonly broadcast: boolean;
}

/** When to ask again: soon, then after the first delay, then after twice as long each time, up to the largest. Milliseconds. */
export interface Timing {
	readonly firstDelayMs: number;
	readonly largestDelayMs: number;
	/** How long a first address is asked for. */
	readonly budgetMs: number;
}

export interface Context {
	readonly identity: ClientIdentity;
	readonly timing: Timing;
	/** Milliseconds of a clock that only goes forward. */
	readonly now: number;
	/** From 0 to 1, as Math.random. */
	readonly random: () => number;
}

export type ClientState = Asking | BoundState | EndedState;
export type Asking = SelectingState | RequestingState | ProlongingState;

export interface Question {
	readonly transaction: number;
	/** When it was sent first. */
	readonly since: number;
	readonly timesSent: number;
	/** When to call {@link awake}. */
	readonly wakeAt: number;
}

export interface SelectingState extends Question {
	readonly phase: "selecting";
	readonly goal: Goal;
}

export interface RequestingState extends Question {
	readonly phase: "requesting";
	readonly goal: Goal;
	readonly offer: Offer;
}

export interface BoundState {
	readonly phase: "bound";
	readonly lease: Lease;
	readonly wakeAt: number;
}

export interface ProlongingState extends Question {
	/** The server is asked, or every server. */
	readonly phase: "renewing" | "rebinding";
	readonly lease: Lease;
}

export interface EndedState {
	readonly phase: "ended";
	readonly wakeAt: number;
}

export interface Offer {
	readonly address: IpAddress;
	readonly server: IpAddress;
	readonly via: Uint8Array;
}

/** What is asked for: a first address for some time, or a lost one for as long as it takes. */
export type Goal = { readonly refusals: number } & (
	| { readonly giveUpAt: number; readonly lost?: undefined }
	| { readonly lost: Lease }
);

export type Effect =
	| { readonly kind: "send"; readonly message: DhcpMessage; readonly to: "everyone" | Lease }
	/** Is going to be requested: from now on the server may hold it for us. */
	| { readonly kind: "accepting"; readonly offer: Offer }
	/** Got, prolonged, or got back. */
	| { readonly kind: "bound"; readonly lease: Lease }
	/** Must not be used from now on. */
	| { readonly kind: "lost"; readonly lease: Lease; readonly reason: "expired" | "refused" }
	/** What was offered instead of a lost address, and is not taken. */
	| { readonly kind: "ignored"; readonly offer: Offer }
	/** No first address was to be had. */
	| { readonly kind: "failed"; readonly reason: string };

export interface Step {
	readonly state: ClientState;
	readonly effects: readonly Effect[];
}
