import { execa } from "execa";
import { CniError, ErrorCode } from "../../cni/error.ts";

/**
 * Runs the executable once, before it gets the name under which runtimes call it: a file system may be mounted with
 * noexec, a build may be for another machine.
 *
 * @throws CniError when it does not start
 */
export async function requireStarts(
	path: string,
	{ directory, argv0 }: { directory: string; argv0: string },
): Promise<void> {
	const { failed, shortMessage, stderr } = await execa(path, ["--version"], {
		argv0,
		env: { CNI_COMMAND: "VERSION" },
		input: "{}",
		reject: false,
		timeout: 10_000,
	});
	if (!failed) return;
	throw new CniError(ErrorCode.ioFailure, `Cannot install into "${directory}": the copy there does not start`, {
		details: `${stderr || shortMessage}. Look whether it is mounted with noexec; nothing that runtimes call was replaced`,
	});
}
