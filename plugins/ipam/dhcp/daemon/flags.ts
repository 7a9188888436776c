import { defaultDhcpSocket } from "../../../../lib/state/dhcp-leases.ts";

/** What the daemon was started with. */
export interface DaemonFlags {
	readonly pidfile: string;
	/** Put before the path of the socket and of every namespace. */
	readonly hostprefix: string;
	readonly socketpath: string;
	readonly broadcast: boolean;
	/** Milliseconds, as all of these. */
	readonly timeout: number;
	readonly resendmax: number;
	readonly resendtimeout: number;
}

/** Flags that cannot be understood; or, without a message, a question for help. */
export class UsageError extends Error {
	override readonly name = "UsageError";
}

export const usage = `Usage: dhcp daemon [flags]

Gets addresses of DHCP servers for containers, and keeps their leases. The plugin dhcp asks it through a socket.

  -socketpath path          where it listens (${defaultDhcpSocket}); leases are kept in <socketpath>.leases
  -hostprefix path          put before the path of the socket and of every network namespace
  -pidfile path             where to write the process id; an absolute path
  -broadcast                ask servers to broadcast their answers
  -timeout duration         how long to wait for an answer before asking again; doubles each time (10s)
  -resendmax duration       how long to wait at most (62s)
  -resendtimeout duration   how long to try to get an address (3m28s)

Flags are written -flag value, -flag=value or with two dashes; durations 10s, 1m30s, 500ms.
`;

const defaults: DaemonFlags = {
	pidfile: "",
	hostprefix: "",
	socketpath: defaultDhcpSocket,
	broadcast: false,
	timeout: 10_000,
	resendmax: 62_000,
	resendtimeout: 208_000,
};

/** Parses flags as Go's package flag does. @throws UsageError */
export function parseFlags(args: readonly string[]): DaemonFlags {
	const flags: Record<string, string | boolean | number> = { ...defaults };
	for (let index = 0; index < args.length; index++) {
		const word = args[index] ?? "";
		if (word === "--") {
			refuseRest(args.slice(index + 1));
			break;
		}
		const [, name, inline] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word) ?? [];
		if (name === undefined) {
			refuseRest(args.slice(index));
			break;
		}
		if (name === "h" || name === "help") throw new UsageError("");
		if (!Object.hasOwn(defaults, name)) throw new UsageError(`flag provided but not defined: -${name}`);
		const present = flags[name];
		if (typeof present === "boolean") {
			flags[name] = parseBoolean(inline ?? "true", name);
			continue;
		}
		const value = inline ?? args[++index];
		if (value === undefined) throw new UsageError(`flag needs an argument: -${name}`);
		flags[name] = typeof present === "number" ? parseDuration(value, name) : value;
	}
	if (flags.socketpath === "") flags.socketpath = defaults.socketpath;
	return flags as unknown as DaemonFlags;
}

function refuseRest([first]: readonly string[]): void {
	if (first !== undefined) throw new UsageError(`unexpected argument "${first}"`);
}

function parseBoolean(text: string, name: string): boolean {
	if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
	if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
	throw new UsageError(`invalid boolean value "${text}" for -${name}: parse error`);
}

const unitsMs: Readonly<Record<string, number>> = {
	ns: 1e-6,
	us: 1e-3,
	µs: 1e-3,
	μs: 1e-3,
	ms: 1,
	s: 1000,
	m: 60_000,
	h: 3_600_000,
};

/** `1m30s`, `500ms`, `0`: Go's form of a duration, in milliseconds; none of ours may be negative or without end. */
function parseDuration(text: string, name: string): number {
	const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)];
	const whole = parts.map(([part]) => part).join("");
	if (text === "0") return 0;
	if (text === "" || whole !== text.replace(/^\+/, "")) {
		throw new UsageError(`invalid value "${text}" for flag -${name}: parse error`);
	}
	return parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (unitsMs[unit] ?? 0), 0);
}
