import { constants } from "node:os";

/** How the first process of a task has ended. */
export interface Ending {
	readonly exitCode: number | null;
	readonly signal: NodeJS.Signals | null;
}

/** In the words of Mesos's command executor. */
export function describeEnding({ exitCode, signal }: Ending): string {
	if (signal === null) return `Command exited with status ${exitCode ?? 0}`;
	return `Command terminated with signal ${signalWords[signal] ?? signal}`;
}

/** As a shell tells it: the status, or 128 and the number of the signal. */
export function exitCodeOf({ exitCode, signal }: Ending): number {
	return signal === null ? (exitCode ?? 0) : 128 + constants.signals[signal];
}

/** strsignal(3) */
const signalWords: Partial<Record<NodeJS.Signals, string>> = {
	SIGHUP: "Hangup",
	SIGINT: "Interrupt",
	SIGQUIT: "Quit",
	SIGILL: "Illegal instruction",
	SIGABRT: "Aborted",
	SIGBUS: "Bus error",
	SIGFPE: "Floating point exception",
	SIGKILL: "Killed",
	SIGSEGV: "Segmentation fault",
	SIGPIPE: "Broken pipe",
	SIGALRM: "Alarm clock",
	SIGTERM: "Terminated",
	SIGUSR1: "User defined signal 1",
	SIGUSR2: "User defined signal 2",
};
