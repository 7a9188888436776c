import { Errno, errnoOf } from "./errno.ts";

/** Whether a process of that id exists; one that we may not signal does. `kill -0 PID` */
export function isProcessAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (thrown) {
		return errnoOf(thrown) !== Errno.ESRCH;
	}
}
