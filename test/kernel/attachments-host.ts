import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { attemptIn, deleteNamespace, enter, jsonIn, type Namespace, type Outcome } from "../support/namespace.ts";
import { distribution, systemPath } from "../support/paths.ts";
import { type Snapshot, takeSnapshot } from "../support/snapshot.ts";
import { createWorld, type World } from "../support/world.ts";

/** A host of its own with all of its state: networks, /var/lib/cni, /run/cni and /run/cni-suite. */
export interface AttachmentsHost extends Disposable {
	readonly world: World;
	/** Stands in for /var/lib. */
	readonly varLib: string;
	/** Stands in for /run/cni-suite. */
	readonly runSuite: string;
	/** Stands in for /run/cni. */
	readonly runCni: string;
	/** Puts a command in front of others that gives them the state of this host. */
	readonly wrapper: readonly string[];
	/** Adds a network of that name. */
	network(name: string, plugins: readonly object[]): void;
	/** Runs our cnictl on the host. */
	cnictl(args: readonly string[], options?: CnictlOptions): Outcome;
	/** `cnictl add`, which must succeed. @returns the container's id */
	add(network: string, container: Namespace, options?: CnictlOptions & { readonly ifName?: string }): string;
	/** `cnictl doctor --min-age 0 --json`, and what it says. */
	doctor(...args: readonly string[]): { readonly exitCode: number | null; readonly findings: readonly FoundThing[] };
	/** Ends a namespace, and waits until the kernel has removed what was in it: which the host still has an end of. */
	end(container: Namespace): void;
	/** Everything that could be left: in the kernel, and in files. */
	snapshot(): Snapshot;
}

export interface CnictlOptions {
	readonly env?: Readonly<Record<string, string>>;
	/** Put before cnictl, inside: strace. */
	readonly wrapper?: readonly string[];
	/** Directory of the plugins, when it is not ours. */
	readonly cniPath?: string;
	readonly capabilities?: object;
}

/** As `--json` has it. */
export interface FoundThing {
	readonly kind: string;
	readonly what: string;
	readonly where: string;
	readonly containerId?: string;
	readonly certainty: "sure" | "likely" | "unsure";
	readonly reason: string;
	readonly outcome: "found" | "removed" | "gone" | "kept" | "failed";
}

export function createAttachmentsHost(): AttachmentsHost {
	const world = createWorld();
	const place = (name: string) => {
		const path = join(world.directory, name);
		mkdirSync(path);
		return path;
	};
	const [varLib, runSuite, runCni, configs] = [place("var-lib"), place("run-suite"), place("run-cni"), place("net.d")];
	// In a mount namespace of their own: all programs know the same places.
	const script = [
		"mkdir -p /run/cni /run/cni-suite",
		`mount --bind ${varLib} /var/lib`,
		`mount --bind ${runSuite} /run/cni-suite`,
		`mount --bind ${runCni} /run/cni`,
		'exec "$@"',
	].join(" && ");
	const wrapper = ["/usr/bin/unshare", "-m", "sh", "-c", script, "sh"];
	const cnictl = (args: readonly string[], options: CnictlOptions = {}) => {
		const { env = {}, wrapper: inner = [], cniPath = distribution, capabilities } = options;
		return attemptIn(world.host, [...wrapper, ...inner, join(distribution, "cnictl"), ...args], {
			env: {
				PATH: systemPath,
				CNI_PATH: cniPath,
				NETCONFPATH: configs,
				...(capabilities === undefined ? {} : { CAP_ARGS: JSON.stringify(capabilities) }),
				...env,
			},
		});
	};
	const host: AttachmentsHost = {
		world,
		varLib,
		runSuite,
		runCni,
		wrapper,
		cnictl,
		network(name, plugins) {
			writeFileSync(join(configs, `${name}.conflist`), JSON.stringify({ cniVersion: "1.0.0", name, plugins }));
		},
		add(network, container, { ifName = "eth0", ...options } = {}) {
			const { exitCode, stdout, stderr } = cnictl(["add", network, container.path, "-i", ifName], options);
			if (exitCode !== 0) throw new Error(`Cannot add to "${network}": ${stdout}${stderr}`);
			return containerIdOf(container);
		},
		doctor(...args) {
			const { exitCode, stdout, stderr } = cnictl(["doctor", "--min-age", "0", "--json", ...args]);
			if (stdout === "") throw new Error(`Cannot examine: ${stderr}`);
			const { findings, notSeen } = JSON.parse(stdout) as { findings: FoundThing[]; notSeen: string[] };
			if (notSeen.length > 0) throw new Error(`Cannot see everything: ${notSeen.join("; ")}`);
			return { exitCode, findings };
		},
		end(container) {
			const peers = peersOf(world.host, container);
			deleteNamespace(container);
			awaitGone(world.host, peers);
		},
		snapshot: () => takeSnapshot(world.host, { directories: [varLib, runSuite, runCni] }),
		[Symbol.dispose]: () => world.dispose(),
	};
	return host;
}

/** The id that cnitool, and so cnictl, gives to a namespace. */
function containerIdOf({ path }: Namespace): string {
	return `cnitool-${createHash("sha512").update(path).digest("hex").slice(0, 20)}`;
}

/** Indexes of the host's links that lead into the container. */
function peersOf(host: Namespace, container: Namespace): readonly number[] {
	const links = (namespace: Namespace) => jsonIn<ShownPair[]>(namespace, ["ip", "-j", "link", "show", "type", "veth"]);
	const inside = links(container);
	return links(host)
		.filter(({ ifindex, link_index }) =>
			inside.some((other) => other.ifindex === link_index && other.link_index === ifindex),
		)
		.map(({ ifindex }) => ifindex);
}

interface ShownPair {
	readonly ifindex: number;
	readonly link_index?: number;
}

/** The kernel removes a namespace's links some time after its name. */
function awaitGone(host: Namespace, indexes: readonly number[]): void {
	for (let tries = 0; tries < 200; tries++) {
		const present = jsonIn<ShownPair[]>(host, ["ip", "-j", "link", "show"]);
		if (!present.some(({ ifindex }) => indexes.includes(ifindex))) return;
		Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
	}
	throw new Error("Cannot see the links of a namespace go");
}

export interface RunningProcess {
	readonly pid: number;
	/** Kills it and what it has started. */
	stop(): Promise<void>;
}

/** Starts a program in a namespace, and waits until it runs under its own name. */
export async function startIn(namespace: Namespace, command: readonly string[], name: string): Promise<RunningProcess> {
	const [program = "", ...args] = enter(namespace, command);
	const child = spawn(program, args, { env: { PATH: systemPath }, stdio: "ignore", detached: true });
	const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
	const pid = child.pid ?? 0;
	while (readFileSync(`/proc/${pid}/comm`, "utf8").trim() !== name) await sleep(5);
	return {
		pid,
		async stop() {
			process.kill(-pid, "SIGKILL");
			await ended;
		},
	};
}
