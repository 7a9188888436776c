import { messageOf } from "../../cni/error.ts";
import { given } from "../../cni/given.ts";
import { Errno, errnoOf } from "../../linux/errno.ts";
import {
	CLONE_NEWNET,
	CLONE_NEWNS,
	CLONE_NEWUTS,
	changeRoot,
	close,
	closeOnExec,
	execute,
	MS_REC,
	MS_SLAVE,
	mount,
	newSession,
	O_RDONLY,
	open,
	restoreSignal,
	setHostname,
	setns,
	unshare,
} from "../../linux/libc.ts";
import { patientRead, patientWrite } from "../../linux/stdio.ts";
import {
	couldNotStart,
	type LaunchFailure,
	type LaunchNamespaces,
	type LaunchOrder,
	launchSocket,
	readyLine,
} from "./launch-order.ts";

import { mountFiles } from "./mount-files.ts";

/**
 * Becomes the command of a task: see `launch-order.ts`. Returns only when that cannot be.
 *
 * @returns the exit code
 */
export async function launcher([namespaces = "{}"]: readonly string[]): Promise<number> {
	try {
		enterNamespaces(JSON.parse(namespaces) as LaunchNamespaces);
		say(readyLine);
		const line = readLine();
		if (line === undefined) return couldNotStart;
		const order = JSON.parse(line) as LaunchOrder;
		await prepare(order);
		return become(order);
	} catch (thrown) {
		return fail({ message: messageOf(thrown), exitCode: couldNotStart });
	}
}

const cannotExecute = 126;
const notFound = 127;

/** Signals of a terminal reach the runner only, which decides what becomes of them: hence a session of its own. */
function enterNamespaces({ own, join, mounts }: LaunchNamespaces): void {
	newSession();
	if (join !== undefined) {
		enter(`/proc/${join}/ns/net`, CLONE_NEWNET);
		enter(`/proc/${join}/ns/uts`, CLONE_NEWUTS);
	}
	const kinds = (own ? CLONE_NEWNET | CLONE_NEWUTS : 0) | (mounts ? CLONE_NEWNS : 0);
	if (kinds !== 0) unshare(kinds);
	// What is unmounted outside must end here too, and what is mounted here must not be seen outside.
	if (mounts) mount("/", { flags: MS_SLAVE | MS_REC });
}

function enter(path: string, kind: number): void {
	const fd = open(path, { flags: O_RDONLY });
	try {
		setns(fd, kind);
	} finally {
		close(fd);
	}
}

async function prepare({ mounts, rootfs, hostname }: LaunchOrder): Promise<void> {
	mountFiles({ mounts, ...given("rootfs", rootfs) });
	if (hostname !== undefined) {
		setHostname(hostname);
		await bringUpLoopback();
	}
	if (rootfs !== undefined) changeRoot(rootfs);
}

async function bringUpLoopback(): Promise<void> {
	const { setLink } = await import("../../netlink/link.ts");
	const { openRouteSocket } = await import("../../netlink/rtnetlink.ts");
	using socket = openRouteSocket();
	socket.request(setLink({ name: "lo" }, { up: true }));
}

const SIGPIPE = 13;
const SIGXFSZ = 25;

function become({ program, argv, environment }: LaunchOrder): number {
	// The runtime ignores both.
	for (const signal of [SIGPIPE, SIGXFSZ]) restoreSignal(signal);
	closeOnExec(launchSocket);
	let reason: unknown;
	for (const path of placesOf(program, environment)) {
		try {
			execute(path, { argv, environment });
		} catch (thrown) {
			// As execvp(3): what is no file is looked for in the next directory, and of the others the first is told.
			if (!absent.includes(errnoOf(thrown)) || reason === undefined) reason = thrown;
		}
	}
	const missing = reason === undefined || absent.includes(errnoOf(reason));
	const why = missing ? "no such command" : messageOf(reason);
	return fail({ message: `Cannot run "${program}": ${why}`, exitCode: missing ? notFound : cannotExecute });
}

const absent: readonly number[] = [Errno.ENOENT, Errno.ENOTDIR];

function placesOf(program: string, environment: readonly string[]): readonly string[] {
	if (program.includes("/") || program === "") return [program];
	const path = environment.find((variable) => variable.startsWith("PATH="))?.slice("PATH=".length);
	return (path || "/usr/bin:/bin").split(":").map((directory) => `${directory || "."}/${program}`);
}

function fail(failure: LaunchFailure): number {
	say(`${JSON.stringify(failure)}\n`);
	return failure.exitCode;
}

function say(text: string): void {
	try {
		let rest = new TextEncoder().encode(text);
		while (rest.byteLength > 0) rest = rest.subarray(patientWrite(launchSocket, rest));
	} catch {
		// The runner is gone; the next read will say so.
	}
}

/** The line of the runner; undefined when there is none to come. */
function readLine(): string | undefined {
	const decoder = new TextDecoder();
	const buffer = new Uint8Array(64 * 1024);
	let text = "";
	for (;;) {
		const length = patientRead(launchSocket, buffer);
		if (length === 0) return undefined;
		text += decoder.decode(buffer.subarray(0, length), { stream: true });
		if (text.endsWith("\n")) return text;
	}
}
