import { readFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, type Outcome } from "../support/namespace.ts";
import { type PluginCall, runPlugin } from "../support/run-plugin.ts";
import type { World } from "../support/world.ts";

/** A system call at whose entry, before the kernel has begun it, the plugin is killed. */
export interface CutPoint {
	readonly syscall: string;
	/** The how manyth call of that name by the main thread, from 1. */
	readonly occurrence: number;
	/** The call as strace shows it. */
	readonly text: string;
	/** How many calls before it have changed something: where it is the same, the process dies in the same state. */
	readonly changesBefore: number;
}

/** Any program that changes something in a world. */
export interface Program {
	readonly world: World;
	/** What errors call it. */
	readonly command: string;
	/** Runs it to its end, with `wrapper` put before its command line. */
	readonly run: (wrapper: readonly string[]) => Outcome;
	/** Whether recovery has to cope with what it has started and is still running; by default that is waited for. */
	readonly leavesOrphans?: boolean;
}

export interface KillEverywhere {
	/** What is killed: the call of a plugin, or another program. */
	readonly call: PluginCall | Program;
	/** Which of the places count, where there is no time for all of them. */
	readonly only?: (cut: CutPoint) => boolean;
	/** Makes the state in which the call is made; run before every kill. */
	readonly prepare: () => void;
	/** What the runtime does after the crash: DEL, or GC. */
	readonly recover: () => void;
	/** What is not as it should be then, a line each. */
	readonly verify: () => string[];
}

export interface KillReport {
	/** How many kills found their call. */
	readonly killed: number;
	/** The cuts that did not, because the run took another way: it ended by itself. */
	readonly survived: readonly string[];
	/** For each cut after which something was wrong: the cut, and what. */
	readonly wrong: readonly { readonly cut: string; readonly lines: readonly string[] }[];
}

/**
 * Kills a plugin (SIGKILL, by strace's injection) at each system call that could change something, and lets the runtime
 * recover after each. Dry runs find the calls. Between two of them the state is the same wherever the process dies,
 * so that these are all the states that a crash can leave. Where a call has changed nothing, as it failed, the state is
 * still that of the kill before.
 *
 * Only the main thread is traced; the dry runs make sure that no other one changes anything.
 */
export function killEverywhere({ call, only, prepare, recover, verify }: KillEverywhere): KillReport {
	const { cuts: found, startsProcesses } = dryRuns({ call, prepare, recover });
	const cuts = distinct(only === undefined ? found : found.filter(only));
	const wrong: { cut: string; lines: string[] }[] = [];
	const check = (cut: string) => {
		const lines = verify();
		if (lines.length > 0) wrong.push({ cut, lines });
	};
	check("no kill");
	const survived: string[] = [];
	for (const cut of cuts) {
		prepare();
		const { signal } = run(call, killAt(cut));
		if (signal !== "SIGKILL") survived.push(describeCut(cut));
		if (startsProcesses && !("leavesOrphans" in call && call.leavesOrphans)) awaitOrphans(call.world);
		const attempt = describeCut(cut);
		try {
			recover();
		} catch (thrown) {
			wrong.push({ cut: attempt, lines: [String(thrown)] });
		}
		check(attempt);
	}
	return { killed: cuts.length - survived.length, survived, wrong };
}

function distinct(cuts: readonly CutPoint[]): readonly CutPoint[] {
	return cuts.filter(({ changesBefore }, index) => cuts[index - 1]?.changesBefore !== changesBefore);
}

/**
 * The calls of the shorter of two runs: what disturbs one makes it longer (a change to the rules is repeated), and is not
 * there later.
 */
export function dryRuns({ call, prepare, recover }: Pick<KillEverywhere, "call" | "prepare" | "recover">): Cuts {
	const [one, other] = [0, 1].map(() => {
		prepare();
		const found = findCuts(call);
		recover();
		return found;
	}) as [Cuts, Cuts];
	return one.cuts.length <= other.cuts.length ? one : other;
}

export interface Cuts {
	/** In the order in which the calls are made. */
	readonly cuts: readonly CutPoint[];
	/** Whether it runs other programs, which go on when it is killed. */
	readonly startsProcesses: boolean;
}

function run(call: PluginCall | Program, wrapper: readonly string[]): Outcome {
	return "run" in call ? call.run(wrapper) : runPlugin({ ...call, wrapper });
}

/** Makes the call under strace; it must succeed. */
export function findCuts(call: PluginCall | Program): Cuts {
	const log = join(call.world.directory, "strace.log");
	const trace = ["strace", "-f", "-qq", "-y", "-s", "64", "-e", `trace=${changing.join(",")}`, "-o", log];
	const { exitCode, stdout } = run(call, trace);
	if (exitCode !== 0) throw new Error(`Cannot find where to kill ${call.command}: it fails under strace: ${stdout}`);
	return cutsOf(readFileSync(log, "utf8"));
}

/** Reads strace's log, which begins with the main thread starting the plugin. */
export function cutsOf(log: string): Cuts {
	const lines = log.split("\n").map((line) => /^(\d+) +(\w+)\((.*)$/.exec(line) ?? []);
	const [, main] = lines[0] ?? [];
	const programs = new Set(lines.filter(([, , syscall]) => syscall === "execve").map(([, process]) => process));
	const counts = new Map<string, number>();
	let changesBefore = 0;
	const cuts = lines.flatMap(([line, thread, syscall, text]) => {
		if (syscall === undefined || text === undefined) return [];
		const changes = changesState(syscall, text);
		if (thread === main) {
			const occurrence = (counts.get(syscall) ?? 0) + 1;
			counts.set(syscall, occurrence);
			if (!changes) return [];
			const cut = { syscall, occurrence, text, changesBefore };
			if (hasChanged(syscall, text)) changesBefore++;
			return [cut];
		}
		if (changes && !programs.has(thread) && !harmlessElsewhere.has(syscall)) {
			throw new Error(`Cannot kill at every change: "${line}" is made by another thread than the main one`);
		}
		return [];
	});
	return { cuts, startsProcesses: programs.size > 1 };
}

/** Waits until nothing runs in the host namespace: a program that the killed plugin had started may still change it. */
function awaitOrphans(world: World): void {
	const deadline = Date.now() + 10_000;
	while (attempt(["ip", "netns", "pids", world.host.name]).stdout !== "") {
		if (Date.now() > deadline) throw new Error("Cannot go on: what the killed plugin started does not end");
	}
}

export function describeCut({ syscall, occurrence, text }: CutPoint): string {
	return `${syscall}#${occurrence}(${text.slice(0, 150)}`;
}

export function killAt({ syscall, occurrence }: CutPoint): string[] {
	const inject = `inject=${syscall}:signal=KILL:when=${occurrence}`;
	return ["strace", "-qq", "-e", `trace=${syscall}`, "-e", inject, "-o", "/dev/null"];
}

/** Names with a question mark do not exist on every architecture. */
const changing = [
	"sendto,sendmsg,openat,?open,?creat,write,pwrite64,writev,pwritev,ftruncate,fallocate,fsync,fdatasync,utimensat",
	"?mkdir,mkdirat,?link,linkat,?symlink,symlinkat,?rename,?renameat,renameat2,?unlink,unlinkat,?rmdir",
	"setns,unshare,mount,umount2,?chmod,fchmod,fchmodat,?chown,fchown,fchownat,ioctl",
	"?fork,?vfork,clone,clone3,execve,kill",
];

/** Helper threads that a runtime makes, and what they ask their descriptors. */
const harmlessElsewhere = new Set(["clone3", "clone", "ioctl"]);

/** Whether there is something else after the call than before, for all but the process itself. */
function hasChanged(syscall: string, text: string): boolean {
	if (/\) += -1 E/.test(text)) return false;
	switch (syscall) {
		case "setns":
		case "unshare":
		case "fsync":
		case "fdatasync":
			return false;
		case "kill":
			return !/^\d+, 0\)/.test(text);
		case "sendto":
		case "sendmsg":
			return !isQuestion(text);
		default:
			return true;
	}
}

/** A request of rtnetlink to another namespace, whose types strace shows as numbers: every fourth asks. */
function isQuestion(text: string): boolean {
	const types = [...text.matchAll(/nlmsg_type=(\w+)/g)].map(([, type]) => Number(type));
	return types.length > 0 && types.every((type) => type >= 0x10 && type < 0x80 && type % 4 === 2);
}

function changesState(syscall: string, rest: string): boolean {
	switch (syscall) {
		case "write":
			// Threads of a runtime wake each other through pipes and event descriptors.
			return !/^([3-9]|\d\d+)<(pipe|anon_inode)/.test(rest);
		case "open":
		case "openat":
			return /O_CREAT|O_TRUNC/.test(rest);
		case "sendto":
		case "sendmsg":
			return /_(NEW|DEL|SET)|BATCH|nlmsg_type=0x/.test(rest) || !/_GET/.test(rest);
		case "clone":
		case "clone3":
			return !rest.includes("CLONE_THREAD");
		case "execve":
			// The first is strace starting the plugin.
			return false;
		case "ioctl":
			return !/TCGETS|FIONREAD|TIOCGWINSZ/.test(rest);
		default:
			return true;
	}
}
