import { AF_UNIX, close, connect, receive, SOCK_STREAM, send, setReceiveTimeout, socket } from "../linux/libc.ts";
import { decodeUtf8, encodeUtf8 } from "../linux/utf8.ts";
import { socketNameOf } from "./address.ts";
import { decodeReply, encodeCall, type Method, messageLength } from "./message.ts";

/**
 * A connection to the system bus. It is made of the four calls that this suite has for it, to no end but that a plugin
 * needs no program and no package for them: `firewall-cmd` takes a quarter of a second, a call two milliseconds.
 */
export interface Bus extends Disposable {
	/**
	 * Calls a method, and waits for its answer. `busctl call DESTINATION PATH INTERFACE MEMBER ss ARG ARG`; a service
	 * that does not run is not started.
	 *
	 * @returns the first value of the answer
	 * @throws BusError for an error of the bus or of the service, SystemError when the connection breaks
	 */
	call(method: Method, args: readonly string[]): string | boolean | undefined;
}

/** An error that was the answer to a call. */
export class BusError extends Error {
	override readonly name = "BusError";
	/** Such as `org.freedesktop.DBus.Error.ServiceUnknown`. */
	readonly errorName: string;

	constructor(errorName: string, message: string) {
		super(message === "" ? errorName : message);
		this.errorName = errorName;
	}
}

const bus: Method = {
	destination: "org.freedesktop.DBus",
	path: "/org/freedesktop/DBus",
	interface: "org.freedesktop.DBus",
	member: "",
};

/** A service may be busy: firewalld answers nobody while it reloads. */
const timeoutMs = 25_000;

/** No answer that we ask for is longer. */
const maximumLength = 1024 * 1024;

/**
 * Connects to the bus at `address` (the form of DBUS_SYSTEM_BUS_ADDRESS; by default where distributions have it).
 *
 * @throws SystemError when nobody listens there, Error for an address of another kind
 */
export function openBus(address: string | undefined): Bus {
	const fd = socket(AF_UNIX, { type: SOCK_STREAM, protocol: 0 });
	try {
		setReceiveTimeout(fd, timeoutMs);
		connect(fd, socketNameOf(address));
		return createBus(fd);
	} catch (thrown) {
		close(fd);
		throw thrown;
	}
}

/** Whether somebody has the name on the bus. `busctl status NAME` */
export function hasOwner(connection: Bus, name: string): boolean {
	return connection.call({ ...bus, member: "NameHasOwner" }, [name]) === true;
}

function createBus(fd: number): Bus {
	const buffer = new Uint8Array(16 * 1024);
	let pending = new Uint8Array(0);
	const more = () => {
		const length = receive(fd, { buffer });
		if (length === 0) throw new Error("the bus has closed the connection");
		const joined = new Uint8Array(pending.byteLength + length);
		joined.set(pending);
		joined.set(buffer.subarray(0, length), pending.byteLength);
		if (joined.byteLength > maximumLength) throw new Error("the bus sends without end");
		pending = joined;
	};
	const take = (length: number) => {
		while (pending.byteLength < length) more();
		const taken = pending.subarray(0, length);
		pending = pending.slice(length);
		return taken;
	};
	const takeLine = () => {
		for (;;) {
			const end = pending.indexOf(newline);
			if (end >= 0) return decodeUtf8(take(end + 1)).trim();
			more();
		}
	};
	const takeMessage = () => {
		for (;;) {
			const length = messageLength(pending);
			if (length !== undefined) return decodeReply(take(length));
			more();
		}
	};

	let serial = 0;
	/** The connection begins with the first call: who we are, and the greeting, need not be waited for. */
	const opening = (): Uint8Array => {
		serial = 1;
		const words = encodeUtf8("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n");
		return concatenate(words, encodeCall({ ...bus, member: "Hello" }, { serial, args: [] }));
	};
	return {
		call(method, args) {
			const isFirst = serial === 0;
			const greeting = isFirst ? opening() : new Uint8Array(0);
			const own = ++serial;
			send(fd, { data: concatenate(greeting, encodeCall(method, { serial: own, args })) });
			if (isFirst) expectWelcome(takeLine);
			for (;;) {
				const reply = takeMessage();
				// An error may answer the greeting too.
				if (reply.errorName !== undefined && (reply.serial === own || (isFirst && reply.serial === 1))) {
					throw new BusError(reply.errorName, typeof reply.value === "string" ? reply.value : "");
				}
				if (reply.serial === own) return reply.value;
			}
		},
		[Symbol.dispose]: () => close(fd),
	};
}

const newline = 0x0a;

/** The kernel tells the bus who we are; all that it asks is whether we claim to be somebody else. */
function expectWelcome(takeLine: () => string): void {
	for (const wanted of ["DATA", "OK "]) {
		const line = `${takeLine()} `;
		if (!line.startsWith(wanted)) throw new Error(`the bus refuses the connection: ${line.trim()}`);
	}
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
	const bytes = new Uint8Array(first.byteLength + second.byteLength);
	bytes.set(first);
	bytes.set(second, first.byteLength);
	return bytes;
}
