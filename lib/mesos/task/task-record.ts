import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { CniError, ErrorCode } from "../../cni/error.ts";
import { Errno, errnoOf } from "../../linux/errno.ts";
import { type FileLock, lockFile, tryLockFile } from "../../linux/file-lock.ts";
import { type ContainerId, formatContainerId } from "../container-id.ts";

/*
 * Which tasks there are, beside the state of the isolator:
 *
 *   <runtime directory>/tasks.lock                flock(2): held while a record is made, looked at, taken over or removed
 *   <runtime directory>/tasks/<container id>      a line of JSON for TaskRecord, then one for TaskProcess, mode 0600
 *
 * Whoever owns a task holds flock(2) on its record: `cnictl task run` as long as it lives, then whoever cleans up after
 * it. A record that nobody has locked is therefore one whose runner is dead. tasks.lock closes the gap between making a
 * record and locking it, and that between looking for a record and opening it. A crash drops both locks, which says what
 * happened.
 *
 * The record is made before anything else of the task, and removed after everything else.
 */

export interface TaskRecord {
	readonly taskId: string;
	readonly name: string | undefined;
	readonly containerId: ContainerId;
	/** Of the process that looks after the task, while it lives. */
	readonly runner: number;
	/** Milliseconds since the epoch. */
	readonly startedAt: number;
	/** Of the boot in which the processes are what they were. */
	readonly bootId: string;
	/** Where its plugins are. */
	readonly pluginPath: string | undefined;
	/** The first process; undefined before there is one. */
	readonly process: TaskProcess | undefined;
}

export interface TaskProcess {
	readonly pid: number;
	/** When it was started, as the kernel counts, to tell it from a later one of the same number. */
	readonly startTicks: number;
}

/** A record that is ours until disposed or removed. */
export interface OwnedRecord extends Disposable {
	/** With the process that was set; undefined when the runner died while writing it. */
	readonly record: TaskRecord | undefined;
	setProcess(process: TaskProcess): void;
	/** Forgets the task. */
	remove(): void;
}

export interface TaskRecords {
	/** Makes the record of a new task. @throws CniError when the container id is in use */
	create(record: Omit<TaskRecord, "process">): OwnedRecord;
	/** All tasks, and whether somebody looks after each. */
	list(): readonly ListedTask[];
	/** @param containerId as {@link formatContainerId} writes it */
	has(containerId: string): boolean;
	/**
	 * Takes over a container that nobody looks after, whether or not it has a record; undefined when somebody does.
	 *
	 * @param isThere asked under the lock, because the container may have ended since it was seen
	 */
	takeOver(id: ContainerId, isThere: () => boolean): OwnedRecord | undefined;
}

export interface ListedTask {
	/** As {@link formatContainerId} writes it. */
	readonly containerId: string;
	readonly record: TaskRecord | undefined;
	readonly owned: boolean;
}

/** Nothing is made before the first task. */
export function openTaskRecords(runtimeDirectory: string): TaskRecords {
	const directory = `${runtimeDirectory}/tasks`;
	const pathOf = (id: ContainerId) => `${directory}/${formatContainerId(id)}`;
	const guarded = <T>(action: () => T): T => {
		mkdirSync(directory, { recursive: true });
		using _guard = lockFile(`${directory}.lock`);
		return action();
	};
	const own = (path: string, lock: FileLock, found: TaskRecord | undefined): OwnedRecord => {
		let record = found;
		return {
			get record() {
				return record;
			},
			setProcess(process) {
				if (record !== undefined) record = { ...record, process };
				appendFileSync(path, `${JSON.stringify(process)}\n`);
			},
			remove: () =>
				guarded(() => {
					rmSync(path, { force: true });
					lock[Symbol.dispose]();
				}),
			[Symbol.dispose]: () => lock[Symbol.dispose](),
		};
	};
	return {
		create: (record) =>
			guarded(() => {
				const path = pathOf(record.containerId);
				if (isFile(path)) throw inUse(record.containerId);
				const lock = tryLockFile(path);
				if (lock === undefined) throw inUse(record.containerId);
				writeFileSync(path, `${JSON.stringify(record)}\n`, { mode: 0o600 });
				return own(path, lock, { ...record, process: undefined });
			}),

		list: () => {
			const names = namesIn(directory);
			if (names.length === 0) return [];
			return guarded(() =>
				names
					.filter((name) => isFile(`${directory}/${name}`))
					.map((containerId) => {
						const path = `${directory}/${containerId}`;
						const lock = tryLockFile(path);
						lock?.[Symbol.dispose]();
						return { containerId, record: readRecord(path), owned: lock === undefined };
					}),
			);
		},

		has: (containerId) => isFile(`${directory}/${containerId}`),

		takeOver: (id, isThere) =>
			guarded(() => {
				const path = pathOf(id);
				if (!isFile(path) && !isThere()) return undefined;
				const lock = tryLockFile(path);
				return lock === undefined ? undefined : own(path, lock, readRecord(path));
			}),
	};
}

function inUse(id: ContainerId): CniError {
	return new CniError(
		ErrorCode.invalidEnvironment,
		`Cannot start a task in the container "${formatContainerId(id)}": there is one of this id`,
		{ details: "`cnictl task list` shows it; `cnictl task recover` cleans up after a runner that was killed" },
	);
}

/** Half a line, which a crash leaves, counts as none. */
function readRecord(path: string): TaskRecord | undefined {
	const [record, process] = readFileSync(path, "utf8")
		.split("\n")
		.map((line) => {
			try {
				return JSON.parse(line) as unknown;
			} catch {
				return undefined;
			}
		});
	return record === undefined ? undefined : { ...(record as TaskRecord), process: process as TaskProcess | undefined };
}

function isFile(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function namesIn(directory: string): readonly string[] {
	try {
		return readdirSync(directory).sort();
	} catch (thrown) {
		if (errnoOf(thrown) === Errno.ENOENT) return [];
		throw thrown;
	}
}
