import { spawn, spawnSync } from "node:child_process";
import {
	chmodSync,
	existsSync,
	lstatSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { systemPath } from "../support/paths.ts";
import { cnictl } from "./runtime-client.ts";

let directory: string;

beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), `cst-${process.pid}-install-`));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("install puts the executables and a relative link for each type into place", () => {
	const target = join(directory, "new/bin");
	expect(install(target)).toMatchObject({ exitCode: 0, stderr: "" });
	const names = readdirSync(target);
	expect(names).toEqual(expect.arrayContaining(["bridge", "cni-suite", "cnictl", "host-local", "loopback"]));
	const executables = ["cni-suite", "cnictl"];
	for (const name of names.filter((other) => !executables.includes(other))) {
		expect(readlinkSync(join(target, name))).toBe("cni-suite");
	}
	for (const name of executables) expect(lstatSync(join(target, name)).mode).toBe(0o100755);
	expect(versionOf(join(target, "loopback"))).toMatchObject({ cniVersion: "1.1.0" });
});

test("install can be repeated, also from what it installed, and says what it did", () => {
	install(directory);
	const [first] = states(directory);
	const again = spawnSync(join(directory, "cnictl"), ["install", directory], { encoding: "utf8" });
	expect(first?.state).toBe("unchanged");
	expect(again.stdout).toMatch(/^FILE +WHAT +STATE\n\S+cni-suite +executable +unchanged\n/);
	chmodSync(join(directory, "cni-suite"), 0o700);
	rmSync(join(directory, "bridge"));
	const byFile = new Map(states(directory).map(({ file, state }) => [file, state]));
	expect(byFile.get(join(directory, "cni-suite"))).toBe("updated");
	expect(byFile.get(join(directory, "bridge"))).toBe("installed");
	expect(byFile.get(join(directory, "loopback"))).toBe("unchanged");
});

test("install --systemd makes the units, which systemd can read, and keeps what was there", () => {
	const units = join(directory, "units");
	const bin = join(directory, "bin");
	const run = () => spawnSync(cnictl, ["install", bin, "--systemd", units], { encoding: "utf8" });
	expect(run()).toMatchObject({
		status: 0,
		stdout: expect.stringMatching(/systemctl enable --now .*:\n {2}cni-dhcp\.service /),
	});
	const service = join(units, "cni-dhcp.service");
	const agents = ["cni-agents-report.service", "cni-agents-watch.service"];
	expect(readdirSync(units).sort()).toEqual([...agents, "cni-dhcp.service", "cni-dhcp.socket"]);
	for (const name of agents) {
		const verb = /report|watch/.exec(name)?.[0];
		expect(readFileSync(join(units, name), "utf8")).toContain(`\nExecStart=${bin}/cnictl agents ${verb} $OPTIONS\n`);
	}
	expect(readFileSync(service, "utf8")).toContain(`\nExecStart=${bin}/dhcp daemon\n`);
	expect(readFileSync(join(units, "cni-dhcp.socket"), "utf8")).toContain("\nListenStream=/run/cni/dhcp.sock\n");
	writeFileSync(service, "other");
	expect(run().stdout).toMatch(/cni-dhcp\.socket +unit +unchanged\n\S+cni-dhcp\.service +unit +replaced; the old one/);
	expect(readFileSync(`${service}.orig`, "utf8")).toBe("other");
});

test("install refuses to replace plugins of others, and changes nothing then", () => {
	writeFileSync(join(directory, "bridge"), "stock");
	symlinkSync("/usr/lib/cni/loopback", join(directory, "loopback"));
	const refused = install(directory);
	expect(refused.exitCode).toBe(1);
	expect(refused.stderr).toMatch(
		/^Cannot install into "\S+": "(bridge|loopback)", "(bridge|loopback)" there is not of/,
	);
	expect(readdirSync(directory).sort()).toEqual(["bridge", "loopback"]);
});

test("install --force keeps what it replaces, and the first backup for good", () => {
	writeFileSync(join(directory, "bridge"), "stock");
	symlinkSync("/usr/lib/cni/loopback", join(directory, "loopback"));
	expect(install(directory, "--force").exitCode).toBe(0);
	expect(readFileSync(join(directory, "bridge.orig"), "utf8")).toBe("stock");
	expect(readlinkSync(join(directory, "loopback.orig"))).toBe("/usr/lib/cni/loopback");
	expect(readlinkSync(join(directory, "bridge"))).toBe("cni-suite");

	rmSync(join(directory, "bridge"));
	writeFileSync(join(directory, "bridge"), "another");
	install(directory, "--force");
	expect(readFileSync(join(directory, "bridge.orig"), "utf8")).toBe("stock");
});

test("install clears what a killed install left, and nothing of one that runs", () => {
	const dead = spawnSync("/bin/true").pid;
	writeFileSync(join(directory, `.cni-suite.cnictl-${dead}`), "half");
	writeFileSync(join(directory, `.cni-suite.cnictl-${process.pid}`), "half");
	install(directory);
	expect(existsSync(join(directory, `.cni-suite.cnictl-${dead}`))).toBe(false);
	expect(existsSync(join(directory, `.cni-suite.cnictl-${process.pid}`))).toBe(true);
});

test("a directory in the way is named", () => {
	rmSync(directory, { recursive: true });
	writeFileSync(directory, "");
	expect(install(directory).stderr).toContain(`Cannot install into "${directory}": `);
});

test("plugins can be called at every instant of installs, two at a time", async () => {
	install(directory);
	const running = { installs: true };
	const calls = callForever(join(directory, "loopback"), running);
	for (let round = 0; round < 10; round++) {
		// Another mode makes it copy the executable anew; half of the links are made anew.
		const damaged = spawnSync("/bin/sh", ["-c", 'ln -sfn ./cni-suite "$0/t" && mv -T "$0/t" "$0/loopback"', directory]);
		expect(damaged.status).toBe(0);
		chmodSync(join(directory, "cni-suite"), 0o711);
		expect(await Promise.all([installAsync(directory), installAsync(directory)])).toEqual([0, 0]);
	}
	running.installs = false;
	const { count, failures } = await calls;
	expect(failures).toEqual([]);
	expect(count).toBeGreaterThan(20);
	expect(readdirSync(directory).filter((name) => name.startsWith("."))).toEqual([]);
});

function install(target: string, ...flags: string[]) {
	const { status, stdout, stderr } = spawnSync(cnictl, ["install", target, ...flags], { encoding: "utf8" });
	return { exitCode: status, stdout, stderr };
}

function installAsync(target: string): Promise<number | null> {
	return new Promise((resolve, reject) => {
		spawn(cnictl, ["install", target, "--force"], { stdio: "ignore" }).on("error", reject).on("close", resolve);
	});
}

function states(target: string): { file: string; state: string }[] {
	return JSON.parse(install(target, "--json").stdout).files;
}

const versionRequest = { env: { PATH: systemPath, CNI_COMMAND: "VERSION" } };

function versionOf(plugin: string): unknown {
	return JSON.parse(spawnSync(plugin, [], { ...versionRequest, input: "{}", encoding: "utf8" }).stdout);
}

/** Calls VERSION one time after the other, as a runtime would, until told to stop. */
async function callForever(
	plugin: string,
	running: { readonly installs: boolean },
): Promise<{ count: number; failures: string[] }> {
	const failures: string[] = [];
	let count = 0;
	for (; running.installs; count++) {
		const failure = await new Promise<string>((resolve) => {
			const child = spawn(plugin, [], { ...versionRequest, stdio: ["ignore", "pipe", "pipe"] });
			let output = "";
			child.stdout.on("data", (chunk) => {
				output += chunk;
			});
			child.stderr.on("data", (chunk) => {
				output += chunk;
			});
			child.on("error", (error) => resolve(error.message));
			child.on("close", (code) =>
				resolve(code === 0 && output.includes("supportedVersions") ? "" : `${code}: ${output}`),
			);
		});
		if (failure !== "") failures.push(failure);
	}
	return { count, failures };
}

test("install leaves everything as it was when the copy does not start there", () => {
	const script = `mount -t tmpfs -o noexec tmpfs ${directory} && ${cnictl} install ${directory}; code=$?; ls ${directory}; exit $code`;
	const refused = spawnSync("unshare", ["--mount", "sh", "-c", script], { encoding: "utf8" });
	expect(refused.status).toBe(1);
	expect(refused.stderr).toMatch(/^Cannot install into "\S+": the copy there does not start; .*noexec/s);
	expect(refused.stdout).toBe("");
});
