import { Errno, errnoOf } from "./errno.ts";
import { probeProcess } from "./libc.ts";

/** Whether a process of that id exists; one that we may not signal does. `kill -0 PID` */
export function isProcessAlive(pid: number): boolean {
	try {
		probeProcess(pid);
		return true;
	} catch (thrown) {
		return errnoOf(thrown) !== Errno.ESRCH;
	}
}
