import { CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import { findProgram, runProgram } from "../../../lib/firewall/program.ts";
import { withFile, writeAll } from "../../../lib/linux/files.ts";
import { O_WRONLY } from "../../../lib/linux/libc.ts";
import type { NewTap } from "../../../lib/linux/tap.ts";

/** SELinux labels the next program that this thread starts. */
const execLabel = "/proc/thread-self/attr/exec";

/**
 * Creates a tap device whose label is `selinuxContext`. A device has the label of the process that made it, and a
 * process can change its own by executing a program only: here `ip`, as the reference does, whose policies allow that.
 *
 * @throws CniError
 */
export function createLabelledTap({ name, multiQueue, owner, group }: NewTap, selinuxContext: string): void {
	const ip = findProgram("ip");
	if (ip === undefined) {
		throw new CniError(ErrorCode.internal, 'failed to find "ip" in PATH', {
			details: '"selinuxContext" needs the program ip of iproute2; without it the plugin needs no program',
		});
	}
	const args = ["tuntap", "add", "mode", "tap", "name", name];
	if (multiQueue) args.push("multi_queue");
	if (owner !== undefined) args.push("user", String(owner));
	if (group !== undefined) args.push("group", String(group));
	setLabel(selinuxContext);
	try {
		runProgram(ip, args, { help: "The policy of SELinux has to allow that label to create tap devices" });
	} finally {
		setLabel("");
	}
}

function setLabel(label: string): void {
	try {
		// An empty write takes the label back; the file counts the NUL.
		withFile(execLabel, { flags: O_WRONLY }, (fd) => writeAll(fd, `${label}\0`));
	} catch (thrown) {
		if (label === "") return;
		throw new CniError(ErrorCode.internal, `failed set socket label: ${messageOf(thrown)}`, {
			details: `SELinux does not know "${label}", or is not there: leave out "selinuxContext"`,
			cause: thrown,
		});
	}
}
