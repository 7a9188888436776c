import { Errno, SystemError } from "./errno.ts";
import { type Argument, systemCall } from "./system-call.ts";
import { encodeUtf8 } from "./utf8.ts";

/** Makes a system call, and repeats it when a signal interrupts it. @throws SystemError which says what was attempted */
export function call(
	attempt: string,
	number: number,
	a: Argument = 0,
	b: Argument = 0,
	c: Argument = 0,
	d: Argument = 0,
	e: Argument = 0,
	f: Argument = 0,
): number {
	for (;;) {
		const returned = systemCall(number, a, b, c, d, e, f);
		if (returned >= 0) return returned;
		if (returned !== -Errno.EINTR) throw new SystemError(attempt, -returned);
	}
}

/** The text as C has it. @throws SystemError EINVAL for one that C would cut off */
export function cString(text: string): Uint8Array {
	if (text.includes("\0")) throw new SystemError(`use ${JSON.stringify(text)} as a path`, Errno.EINVAL);
	return encodeUtf8(`${text}\0`);
}
