import { describe, expect, it } from "@jest/globals";
import { attempt } from "../support/namespace.ts";
import { runToEnd } from "../support/starter.ts";

describe("a program that is started", () => {
	it("gets arguments, environment, directory and input as they are, and nothing else", () => {
		const command = ["sh", "-c", 'echo "$1|$(pwd)|$(env | sort | xargs)"; cat', "sh", "a b"];
		const { exitCode, stdout } = attempt(command, {
			input: "ä\nb",
			env: { PATH: "/usr/bin:/bin", X: "1" },
			cwd: "/usr",
		});
		expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "a b|/usr|PATH=/usr/bin:/bin PWD=/usr X=1\nä\nb" });
	});

	it("has three descriptors, and signals as they are by default", () => {
		const { stdout } = attempt([
			"sh",
			"-c",
			"ls /proc/self/fd | xargs; grep -E 'Sig(Blk|Ign)' /proc/self/status | xargs",
		]);
		// The fourth is that of ls, which reads the folder.
		expect(stdout).toMatch(/^0 1 2 3\nSigBlk: 0+ SigIgn: 0+\n$/);
	});

	it("ends with a code or a signal, which are told apart", () => {
		expect(attempt(["sh", "-c", "echo no >&2; exit 3"])).toMatchObject({ exitCode: 3, signal: null, stderr: "no\n" });
		expect(attempt(["sh", "-c", "kill -TERM $$"])).toMatchObject({ exitCode: null, signal: "SIGTERM" });
	});

	it("is killed when its time is over", () => {
		expect(attempt(["sleep", "9"], { timeoutMs: 50 })).toMatchObject({ exitCode: null, signal: "SIGKILL" });
	});

	it("may leave its input unread, and print more than a pipe holds", () => {
		const input = "x".repeat(1_000_000);
		expect(attempt(["true"], { input }).exitCode).toBe(0);
		expect(attempt(["cat"], { input }).stdout).toBe(input);
	});

	it("is waited for until nobody has its output any more", () => {
		expect(attempt(["sh", "-c", "(sleep 0.1; echo late) & echo early"]).stdout).toBe("early\nlate\n");
	});

	it("that cannot be started says why", () => {
		expect(attempt(["no-such-program"])).toMatchObject({
			exitCode: 127,
			stderr: 'Cannot start "no-such-program": no-such-program: No such file or directory.\n',
		});
		const start = { command: ["true"], input: "", env: {}, timeoutMs: 1000 };
		expect(runToEnd({ ...start, namespace: "/run/netns/none" })).toMatchObject({
			exitCode: 127,
			stderr: 'Cannot start "true": /run/netns/none: No such file or directory.\n',
		});
	});
});
