import { messageOf } from "../../../../lib/cni/error.ts";
import type { Attachment } from "../../../../lib/cni/plugin.ts";
import { awake, begin, hear, regain, resume } from "../../../../lib/dhcp/client.ts";
import { release } from "../../../../lib/dhcp/client-messages.ts";
import type {
	ClientIdentity,
	ClientState,
	Context,
	Effect,
	Offer,
	Step,
	Timing,
} from "../../../../lib/dhcp/client-state.ts";
import type { Lease } from "../../../../lib/dhcp/lease.ts";
import { formatAddress, formatPrefix } from "../../../../lib/ip/address.ts";
import type { AttachmentRecords } from "../../../../lib/state/attachment-records.ts";
import type { DhcpLeaseRecord } from "../../../../lib/state/dhcp-leases.ts";
import { isSandboxGone, type SandboxIdentity } from "../../../../lib/state/sandbox-identity.ts";
import {
	type DhcpSocket,
	lookUpLink,
	openDhcpSocket,
	putAddressBack,
	routesThrough,
	takeAddressOff,
} from "./container-link.ts";
import type { EventLoop, Timer } from "./event-loop.ts";
import { leasePart, offerPart } from "./lease-record.ts";

/** What a lease is held with. */
export interface Surroundings {
	readonly loop: EventLoop;
	readonly timing: Timing;
	readonly boot: string;
	readonly records: AttachmentRecords<DhcpLeaseRecord>;
	/** A line for the log, about this lease. */
	readonly log: (text: string) => void;
	/** Called when nothing is held any more. */
	readonly ended: () => void;
}

/** Whose lease it is. */
export interface Holder extends Attachment {
	readonly network: string;
	readonly sandbox: SandboxIdentity;
	readonly link: { readonly index: number; readonly mac: string };
	readonly identity: ClientIdentity;
}

/** Somebody who waits for the first address. */
export interface Waiter {
	readonly got: (lease: Lease) => void;
	readonly failed: (reason: string) => void;
}

/** How often the interface is looked at until it can send, and how long: then it is tried in any case. */
const linkPauseMs = 10;
const linkPatienceMs = 2500;

/** The lease of one attachment: what its client wants is done, and what is to be remembered is on disk before it is done. */
export class HeldLease {
	readonly holder: Holder;
	readonly #surroundings: Surroundings;
	readonly #waiters = new Set<Waiter>();
	#state: ClientState = { phase: "ended", wakeAt: Number.POSITIVE_INFINITY };
	#timer: Timer | undefined;
	/** Only while an answer may come: an open socket keeps the container's namespace from ending. */
	#socket: DhcpSocket | undefined;
	#socketTimer: Timer | undefined;
	/** What a server may hold for us and has not acknowledged. */
	#offer: Offer | undefined;
	/** Set while the address is lost. */
	#takenRoutes: readonly string[] | undefined;
	#ignored = "";
	#ended = false;

	constructor(holder: Holder, surroundings: Surroundings) {
		this.holder = holder;
		this.#surroundings = surroundings;
	}

	/** The lease, as long as its address may be used. */
	get lease(): Lease | undefined {
		const state = this.#state;
		return state.phase === "bound" || state.phase === "renewing" || state.phase === "rebinding"
			? state.lease
			: undefined;
	}

	/** The lease whose address must not be used. */
	get lost(): Lease | undefined {
		const state = this.#state;
		return state.phase === "selecting" || state.phase === "requesting" ? state.goal.lost : undefined;
	}

	/** Whether a first address is being asked for. */
	get isAcquiring(): boolean {
		return !this.#ended && this.lease === undefined && this.lost === undefined;
	}

	/** Asks for a first address, as soon as the interface can send. */
	acquire(): void {
		const { loop } = this.#surroundings;
		const deadline = loop.now() + linkPatienceMs;
		const attempt = () =>
			this.#guarded(() => {
				const link = lookUpLink(this.#place);
				// Until it is ready, the kernel drops what is sent, without a word.
				const isReady = link?.operState === "up" || link?.operState === "unknown";
				if (link === undefined) this.abandon(linkGone);
				else if (isReady || loop.now() > deadline) this.#take(begin(this.#context));
				else this.#timer = loop.at(loop.now() + linkPauseMs, attempt);
			});
		attempt();
	}

	/** Goes on with what an earlier daemon has kept. */
	restore({ state, lease, takenRoutes }: { lease: Lease } & Pick<DhcpLeaseRecord, "state" | "takenRoutes">): void {
		if (state === "unclaimed") {
			this.#offer = { address: lease.address.address, server: lease.server, via: lease.via };
			this.release("nobody claims it");
		} else if (state === "lost") {
			this.#takenRoutes = takenRoutes;
			this.#take(regain(this.#context, lease));
		} else {
			this.#take({ state: resume(lease), effects: [] });
		}
	}

	/** @returns how to wait no more; when nobody does, nothing more is asked for */
	wait(waiter: Waiter): () => void {
		this.#waiters.add(waiter);
		return () => {
			if (!this.#waiters.delete(waiter) || this.#waiters.size > 0 || !this.isAcquiring) return;
			this.release("nobody waits for it any more");
		};
	}

	/** Whether the interface that the lease is for is still there. */
	isLinkThere(): boolean {
		return !isSandboxGone(this.holder.sandbox) && lookUpLink(this.#place) !== undefined;
	}

	/** Gives the address back, as far as the server can be told, and ends. */
	release(reason: string): void {
		if (this.#ended) return;
		const held = this.lease;
		const given = held === undefined ? this.#offer : { ...held, address: held.address.address };
		if (held !== undefined) this.#try("take the address off", () => takeAddressOff(this.#place, held.address));
		if (given !== undefined) {
			this.#try("tell the server", () => this.#open().send(release(given, this.#context), given));
		}
		const what = given === undefined ? "given up" : `released ${formatAddress(given.address)}`;
		this.#surroundings.log(`${what}: ${reason}`);
		this.#end(reason);
	}

	/** Ends without a word to anybody: there is no way to the server. */
	abandon(reason: string): void {
		if (this.#ended) return;
		this.#surroundings.log(`given up: ${reason}`);
		this.#end(reason);
	}

	get #place() {
		return { path: this.holder.sandbox.path, index: this.holder.link.index };
	}

	get #context(): Context {
		const { loop, timing } = this.#surroundings;
		return { identity: this.holder.identity, timing, now: loop.now(), random: Math.random };
	}

	#take({ state, effects }: Step): void {
		this.#state = state;
		this.#timer?.cancel();
		this.#timer = this.#surroundings.loop.at(state.wakeAt, () => this.#wake());
		this.#guarded(() => {
			for (const effect of effects) if (!this.#ended) this.#perform(effect);
		});
	}

	/** What fails for whoever waits is told to him, and given back; else the next attempt may do better. */
	#guarded(action: () => void): void {
		try {
			action();
		} catch (thrown) {
			this.#surroundings.log(messageOf(thrown));
			if (this.#waiters.size > 0) this.release(messageOf(thrown));
		}
	}

	#wake(): void {
		if (isSandboxGone(this.holder.sandbox)) this.abandon("its network namespace is gone");
		else this.#take(awake(this.#state, this.#context));
	}

	#perform(effect: Effect): void {
		const { log } = this.#surroundings;
		switch (effect.kind) {
			case "send":
				this.#send(effect);
				break;
			case "accepting":
				this.#offer = effect.offer;
				if (this.lost === undefined) this.#keep(offerPart(effect.offer, this.holder.identity));
				break;
			case "bound":
				this.#bound(effect.lease);
				break;
			case "lost":
				this.#lose(effect.lease);
				log(`lost ${formatPrefix(effect.lease.address)}: ${whyLost[effect.reason]}; asking for it again`);
				break;
			case "ignored":
				this.#ignore(effect.offer);
				break;
			case "failed":
				this.release(effect.reason);
				break;
		}
	}

	/** Said once: it is offered again and again. */
	#ignore({ address, server }: Offer): void {
		const text = `${formatAddress(server)} offers ${formatAddress(address)} instead, which the container was not started with`;
		if (this.#ignored !== text) this.#surroundings.log(text);
		this.#ignored = text;
	}

	#send({ message, to }: Extract<Effect, { kind: "send" }>): void {
		const { log, loop, timing } = this.#surroundings;
		try {
			this.#open().send(message, to);
		} catch (thrown) {
			// The next attempt may find it up.
			if (this.isLinkThere()) log(`Cannot send: ${messageOf(thrown)}`);
			else this.abandon(linkGone);
		}
		if (this.#ended || this.isAcquiring) return;
		this.#socketTimer?.cancel();
		this.#socketTimer = loop.at(loop.now() + timing.firstDelayMs, () => this.#close());
	}

	#bound(lease: Lease): void {
		const { log } = this.#surroundings;
		const isNew = this.#offer !== undefined;
		const taken = this.#takenRoutes;
		if (taken !== undefined) {
			this.#try("put the address back", () => putAddressBack(this.#place, { prefix: lease.address, routes: taken }));
		}
		this.#takenRoutes = undefined;
		this.#keep(leasePart({ state: "bound", lease }, { identity: this.holder.identity, now: this.#context.now }));
		this.#offer = undefined;
		this.#close();
		const how = taken !== undefined ? "got back" : isNew ? "got" : "prolonged";
		log(`${how} ${formatPrefix(lease.address)} from ${formatAddress(lease.server)}, ${duration(lease, this.#context)}`);
		for (const waiter of this.#waiters) waiter.got(lease);
		this.#waiters.clear();
	}

	/** On record first: who finds the record knows which routes there were, and takes the address off again. */
	#lose(lease: Lease): void {
		this.#try("note the routes", () => {
			this.#takenRoutes = routesThrough(this.#place);
		});
		this.#takenRoutes ??= [];
		const { identity } = this.holder;
		const { now } = this.#context;
		this.#keep(leasePart({ state: "lost", lease, takenRoutes: this.#takenRoutes }, { identity, now }));
		this.#try("take the address off", () => takeAddressOff(this.#place, lease.address));
	}

	#keep(part: ReturnType<typeof leasePart>): void {
		const { containerId, ifName, network, sandbox, link } = this.holder;
		const { records, boot } = this.#surroundings;
		records.write({ containerId, ifName, network, sandbox, link, boot, ...part });
	}

	#open(): DhcpSocket {
		if (this.#socket !== undefined) return this.#socket;
		const socket = openDhcpSocket(this.#place);
		this.#socket = socket;
		this.#surroundings.loop.watch(socket.fd, () => this.#readable(socket));
		return socket;
	}

	#close(): void {
		this.#socketTimer?.cancel();
		const socket = this.#socket;
		if (socket === undefined) return;
		this.#surroundings.loop.forget(socket.fd);
		socket.close();
		this.#socket = undefined;
	}

	#readable(socket: DhcpSocket): void {
		const received = socket.receive();
		if (received !== undefined) this.#take(hear(this.#state, { ...received, context: this.#context }));
		else if (socket.isGone()) this.abandon(linkGone);
	}

	#end(reason: string): void {
		this.#ended = true;
		this.#timer?.cancel();
		this.#close();
		this.#state = { phase: "ended", wakeAt: Number.POSITIVE_INFINITY };
		this.#try("remove its record", () => this.#surroundings.records.remove(this.holder));
		for (const waiter of this.#waiters) waiter.failed(reason);
		this.#waiters.clear();
		this.#surroundings.ended();
	}

	#try(what: string, action: () => void): void {
		try {
			action();
		} catch (thrown) {
			this.#surroundings.log(`Cannot ${what}: ${messageOf(thrown)}`);
		}
	}
}

const linkGone = "its interface is gone";

const whyLost = { expired: "no server has prolonged it in time", refused: "the server refuses it" } as const;

function duration({ times }: Lease, { now }: Context): string {
	const seconds = Math.round((times.expiresAt - now) / 1000);
	return Number.isFinite(seconds) ? `for ${seconds} s` : "for ever";
}
