import { describe, expect, it } from "@jest/globals";
import { awake, begin, hear, regain } from "../../../lib/dhcp/client.ts";
import { release } from "../../../lib/dhcp/client-messages.ts";
import type { ClientState, Context, Effect, Step } from "../../../lib/dhcp/client-state.ts";
import { type DhcpMessage, messageName, noAddress } from "../../../lib/dhcp/message.ts";
import { MessageType, Option } from "../../../lib/dhcp/options.ts";
import { addressToBytes, formatAddress, type IpAddress, parseAddress } from "../../../lib/ip/address.ts";
import { toHex } from "../../../lib/linux/bytes.ts";

const mac = new Uint8Array([2, 0, 0, 0, 0, 1]);
const via = new Uint8Array([2, 0, 0, 0, 0, 2]);
const clientId = new Uint8Array([0, 99]);
const identity = {
	hardwareAddress: mac,
	options: new Map([
		[Option.clientIdentifier, clientId],
		[Option.parameterRequestList, new Uint8Array([3, 1])],
		[Option.requestedAddress, new Uint8Array([9, 9, 9, 9])],
	]),
	broadcast: false,
};
const timing = { firstDelayMs: 10_000, largestDelayMs: 62_000, budgetMs: 208_000 };

/** A client whose clock stands still unless it is told otherwise; chance is always the middle. */
class Trial {
	now = 1_000_000;
	state: ClientState = { phase: "ended", wakeAt: Number.POSITIVE_INFINITY };
	effects: readonly Effect[] = [];
	random = 0.5;

	get context(): Context {
		return { identity, timing, now: this.now, random: () => this.random };
	}

	take({ state, effects }: Step): this {
		this.state = state;
		this.effects = effects;
		return this;
	}

	begin = () => this.take(begin(this.context));

	/** Lets time pass until the client wants to act, and how much: seconds. */
	wait(): number {
		const waited = this.state.wakeAt - this.now;
		this.now = this.state.wakeAt;
		this.take(awake(this.state, this.context));
		return waited / 1000;
	}

	hear(type: number, more: Partial<Heard> = {}): this {
		return this.take(hear(this.state, { message: message(this.state, type, more), via, context: this.context }));
	}

	/** `DHCPREQUEST to everyone`, `bound`, … */
	get did(): string[] {
		return this.effects.map((effect) => {
			if (effect.kind !== "send") return effect.kind;
			const to = effect.to === "everyone" ? "everyone" : formatAddress(effect.to.server);
			return `${messageName(effect.message.type)} to ${to}`;
		});
	}

	get sent(): DhcpMessage {
		const effect = this.effects.find(({ kind }) => kind === "send");
		if (effect?.kind !== "send") throw new Error("nothing was sent");
		return effect.message;
	}

	bind = (options: Heard["options"] = lease) => this.begin().hear(MessageType.offer).hear(MessageType.ack, { options });
}

interface Heard {
	readonly transaction: number;
	readonly address: string;
	readonly server: string | undefined;
	readonly hardwareAddress: Uint8Array;
	readonly options: readonly (readonly [number, string])[];
}

const seconds = (count: number) => toHex(new Uint8Array([count >>> 24, count >>> 16, count >>> 8, count]));
const mask = [Option.subnetMask, "ffffff00"] as const;
const lease = [mask, [Option.leaseTime, seconds(1000)]] as const;

function message(state: ClientState, type: number, more: Partial<Heard>): DhcpMessage {
	const { address = "10.0.0.5", server = "10.0.0.1", hardwareAddress = mac, options = [mask] } = more;
	const ownTransaction = "transaction" in state ? state.transaction : 0;
	const identifier =
		"server" in more && more.server === undefined ? [] : [[54, toHex(addressToBytes(ip(server)))] as const];
	return {
		type,
		transaction: more.transaction ?? ownTransaction,
		seconds: 0,
		broadcast: false,
		clientAddress: noAddress,
		yourAddress: ip(address),
		hardwareAddress,
		options: new Map(
			[...identifier, ...options].map(([code, hex]) => [code, Uint8Array.from(Buffer.from(hex, "hex"))]),
		),
	};
}

function ip(text: string): IpAddress {
	const address = parseAddress(text);
	if (address === undefined) throw new Error(text);
	return address;
}

const option = (sent: DhcpMessage, code: number) => toHex(sent.options.get(code) ?? new Uint8Array(0));

describe("a first address", () => {
	it("is discovered, offered, requested and acknowledged", () => {
		const trial = new Trial().begin();
		expect(trial.did).toEqual(["DHCPDISCOVER to everyone"]);
		const { transaction } = trial.sent;
		trial.hear(MessageType.offer);
		expect(trial.did).toEqual(["accepting", "DHCPREQUEST to everyone"]);
		expect(trial.sent).toMatchObject({ transaction, clientAddress: noAddress });
		expect([option(trial.sent, 50), option(trial.sent, 54), option(trial.sent, 61)]).toEqual([
			"0a000005",
			"0a000001",
			"0063",
		]);
		trial.hear(MessageType.ack);
		expect(trial.did).toEqual(["bound"]);
		expect(trial.state.phase).toBe("bound");
	});

	it("is asked for again soon, then after 10, 20, 40 seconds, and so on up to the limit, until there is no more time", () => {
		const trial = new Trial().begin();
		const waits: number[] = [];
		while (trial.state.phase !== "ended") waits.push(trial.wait());
		expect(waits).toEqual([0.2, 10, 20, 40, 62, 62, expect.closeTo(13.8)]);
		expect(trial.effects).toEqual([{ kind: "failed", reason: "no more tries" }]);
	});

	it("is not asked for by all at the same times", () => {
		const wait = (random: number) => {
			const trial = Object.assign(new Trial(), { random }).begin();
			trial.wait();
			return trial.wait();
		};
		expect([wait(0), wait(0.999)]).toEqual([9, expect.closeTo(11, 1)]);
	});

	it("is requested three times, then discovered anew", () => {
		const trial = new Trial().begin().hear(MessageType.offer);
		const asked = [1, 2, 3].flatMap(() => {
			trial.wait();
			return trial.did;
		});
		expect(asked).toEqual(["DHCPREQUEST to everyone", "DHCPREQUEST to everyone", "DHCPDISCOVER to everyone"]);
	});

	it("that the server refuses is discovered anew at once; refused again, after ever longer pauses", () => {
		const trial = new Trial().begin().hear(MessageType.offer).hear(MessageType.nak);
		expect(trial.did).toEqual(["DHCPDISCOVER to everyone"]);
		for (const pause of [10, 20, 40]) {
			trial.hear(MessageType.offer).hear(MessageType.nak, { server: undefined });
			expect(trial.did).toEqual([]);
			expect(trial.wait()).toBe(pause);
			expect(trial.did).toEqual(["DHCPDISCOVER to everyone"]);
		}
	});

	it.each<[string, number, Partial<Heard>]>([
		["of another transaction", MessageType.offer, { transaction: 7 }],
		["for another machine", MessageType.offer, { hardwareAddress: new Uint8Array([2, 0, 0, 0, 0, 9]) }],
		["without a server's name", MessageType.offer, { server: undefined }],
		["of no address", MessageType.offer, { address: "0.0.0.0" }],
		["that is no offer", MessageType.ack, {}],
	])("is not taken from an answer %s", (_, type, more) => {
		const trial = new Trial().begin();
		const before = trial.state;
		expect(trial.hear(type, more)).toMatchObject({ state: before, effects: [] });
	});

	it("is acknowledged by the server that has offered it alone", () => {
		const trial = new Trial().begin().hear(MessageType.offer);
		for (const type of [MessageType.ack, MessageType.nak]) {
			expect(trial.hear(type, { server: "10.0.0.2" })).toMatchObject({ state: { phase: "requesting" }, effects: [] });
		}
	});

	it("without a subnet mask is none", () => {
		const trial = new Trial().begin().hear(MessageType.offer).hear(MessageType.ack, { options: [] });
		expect(trial.effects).toEqual([{ kind: "failed", reason: "DHCP option Subnet Mask not found in DHCPACK" }]);
	});
});

describe("a lease", () => {
	it("is renewed at half of its time by its server, rebound by any at 85 %, and lost at its end", () => {
		const trial = new Trial().bind();
		expect(trial.wait()).toBe(500);
		expect(trial.did).toEqual(["DHCPREQUEST to 10.0.0.1"]);
		expect(formatAddress(trial.sent.clientAddress)).toBe("10.0.0.5");
		expect([50, 54, 61].map((code) => option(trial.sent, code))).toEqual(["", "", "0063"]);
		expect([175, 87.5, 43.75, 21.875, 10.9375, 10].map(() => trial.wait())).toEqual([
			175, 87.5, 43.75, 21.875, 10.9375, 10,
		]);
		while (trial.state.phase === "renewing") trial.wait();
		expect(trial.now).toBe(1_000_000 + 850_000);
		expect(trial.did).toEqual(["DHCPREQUEST to everyone"]);
		expect(formatAddress(trial.sent.clientAddress)).toBe("10.0.0.5");
		while (trial.state.phase === "rebinding") trial.wait();
		expect(trial.now).toBe(1_000_000 + 1_000_000);
		expect(trial.did).toEqual(["lost", "DHCPDISCOVER to everyone"]);
		expect(trial.effects[0]).toMatchObject({ reason: "expired" });
	});

	it("begins anew from when it was asked for, with the times that the server says", () => {
		const trial = new Trial().bind();
		trial.wait();
		const asked = trial.now;
		trial.now += 5000;
		const options = [mask, [51, seconds(100)], [58, seconds(10)], [59, seconds(20)]] as const;
		trial.hear(MessageType.ack, { options });
		expect(trial.did).toEqual(["bound"]);
		expect(trial.state).toMatchObject({
			phase: "bound",
			wakeAt: asked + 10_000,
			lease: { times: { renewAt: asked + 10_000, rebindAt: asked + 20_000, expiresAt: asked + 100_000 } },
		});
	});

	it("may be rebound by another server, which is its server then", () => {
		const trial = new Trial().bind();
		while (trial.state.phase !== "rebinding") trial.wait();
		trial.hear(MessageType.ack, { server: "10.0.0.2", options: lease });
		trial.wait();
		expect(trial.did).toEqual(["DHCPREQUEST to 10.0.0.2"]);
	});

	it.each(["renewing", "rebinding"])(
		"that the server refuses while %s is lost at once, and asked for again",
		(phase) => {
			const trial = new Trial().bind();
			while (trial.state.phase !== phase) trial.wait();
			trial.hear(MessageType.nak);
			expect(trial.did).toEqual(["lost", "DHCPDISCOVER to everyone"]);
			expect(trial.effects[0]).toMatchObject({ reason: "refused" });
			expect(option(trial.sent, 50)).toBe("0a000005");
		},
	);

	it("is renewed neither with another address nor by another server", () => {
		const trial = new Trial().bind();
		trial.wait();
		expect(trial.hear(MessageType.ack, { address: "10.0.0.6" }).effects).toEqual([]);
		expect(trial.hear(MessageType.ack, { server: "10.0.0.2" }).effects).toEqual([]);
		expect(trial.hear(MessageType.nak, { server: "10.0.0.2" }).effects).toEqual([]);
	});

	it("without end is never renewed; one of no time is not all that there is to do", () => {
		expect(new Trial().bind([mask, [51, "ffffffff"]]).state.wakeAt).toBe(Number.POSITIVE_INFINITY);
		const short = new Trial().bind([mask, [51, "00000000"]]);
		expect(short.wait()).toBe(2);
		expect(short.hear(MessageType.ack, { options: [[51, "00000000"]] }).wait()).toBe(2);
	});

	it.each([
		["after the end", seconds(2000), seconds(3000)],
		["in the wrong order", seconds(600), seconds(500)],
		["of zero", seconds(0), seconds(0)],
	])("has the usual times where the server's are %s", (_, renew, rebind) => {
		const { state, now } = new Trial().bind([...lease, [58, renew], [59, rebind]]);
		expect(state).toMatchObject({ lease: { times: { renewAt: now + 500_000, rebindAt: now + 850_000 } } });
	});

	it("is released with the client id that it was got with", () => {
		const trial = new Trial().bind();
		if (trial.state.phase !== "bound") throw new Error("not bound");
		const { server, address } = trial.state.lease;
		const sent = release({ address: address.address, server }, trial.context);
		expect({ type: sent.type, address: formatAddress(sent.clientAddress) }).toEqual({ type: 7, address: "10.0.0.5" });
		expect([...sent.options].map(([code, value]) => [code, toHex(value)])).toEqual([
			[54, "0a000001"],
			[61, "0063"],
		]);
	});
});

describe("a lost address", () => {
	function lost(): Trial {
		const trial = new Trial().bind();
		if (trial.state.phase !== "bound") throw new Error("not bound");
		return trial.take(regain(trial.context, trial.state.lease));
	}

	it("is asked for as long as it takes, and no other is taken", () => {
		const trial = lost();
		for (let attempt = 0; attempt < 1000; attempt++) trial.wait();
		expect(trial.did).toEqual(["DHCPDISCOVER to everyone"]);
		expect(trial.wait()).toBe(62);
		expect(trial.hear(MessageType.offer, { address: "10.0.0.6" }).did).toEqual(["ignored"]);
		expect(trial.hear(MessageType.offer, { server: "10.0.0.9" }).did).toEqual(["accepting", "DHCPREQUEST to everyone"]);
		trial.hear(MessageType.ack, { server: "10.0.0.9", options: [[51, seconds(60)]] });
		expect(trial.state).toMatchObject({
			phase: "bound",
			wakeAt: trial.now + 30_000,
			lease: { address: { length: 24 }, server: ip("10.0.0.9") },
		});
	});
});
