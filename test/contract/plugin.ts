import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type SpecVersion, specVersions, versionAtLeast } from "../../lib/cni/version.ts";
import { attemptIn, deleteNamespace, type Namespace } from "../support/namespace.ts";
import { distribution } from "../support/paths.ts";
import { type Command, type PluginCall, type PluginOutcome, runPlugin } from "../support/run-plugin.ts";
import { differences, takeSnapshot } from "../support/snapshot.ts";
import { createWorld, keptByContract, leftovers, snapshotOf, type World } from "../support/world.ts";
import { expectResultOf } from "./result-shape.ts";

/** One plugin with one configuration; joins the contract by one line. */
export interface PluginUnderContract {
	readonly type: string;
	/** Tells entries of the same type apart. */
	readonly title?: string;
	/** The configuration without `cniVersion`, `name` and `type`. */
	config(world: World): Readonly<Record<string, unknown>>;
	/** What the runtime says of one container: changes to the configuration. */
	perContainer?(containerId: string): Readonly<Record<string, unknown>>;
	/** What a chained plugin finds; it also gets the chance to make it. */
	prevResult?(world: World, container: Namespace): unknown;
	/** Whether its result has an address, without which 0.1.0 and 0.2.0 have no form. */
	readonly hasAddress: boolean;
	/** The oldest version in which the configuration can work; by default the first. */
	readonly minimumVersion?: SpecVersion;
	/** Whether a second ADD of the same attachment succeeds; by default it fails. */
	readonly repeatable?: boolean;
	/** Changes to what ADD made, and how CHECK names each. */
	readonly mutations?: readonly Mutation[];
	/** Circumstances, beside the general ones, in which ADD fails. */
	readonly failures?: readonly Failure[];
	/** On a kernel where every call takes long: of several cases of one law the most telling alone. */
	readonly lean?: boolean;
	/** What may stay on the host when the last attachment has gone, beside what every plugin may leave. */
	readonly kept?: readonly RegExp[];
}

export interface Mutation {
	readonly what: string;
	change(attached: Attached): void;
	/** Of `msg; details`. */
	readonly named: RegExp;
}

export interface Failure {
	readonly what: string;
	/** Brings the circumstances about, and returns what is different in the configuration. */
	arrange(world: World, container: Namespace): Readonly<Record<string, unknown>>;
}

/** An attachment after ADD. */
export interface Attached {
	readonly world: World;
	readonly container: Namespace;
	readonly result: AttachedResult;
	/** Runs a command, words separated by blanks, in the host's namespace. It must succeed. */
	host(command: string): void;
	/** The same in the container's. */
	inside(command: string): void;
}

export interface AttachedResult {
	readonly interfaces?: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
	readonly ips?: readonly { readonly address: string; readonly gateway?: string }[];
}

/** Of the stores of IPAM: indexes and hints, which may be missing or stale, and the cursor, which only says where to look first. */
const indexes: readonly RegExp[] = [
	/^[+-] file \.cni-suite\/[^/]+\/(stamp|(taken|owners)\/\S+) /,
	/^[+-] file \S+\/last_reserved_ip\.\d+ /,
	/^[+-] file \S+\/hint /,
];

const badPrevResults: readonly unknown[] = [
	undefined,
	null,
	"x",
	{},
	{ cniVersion: "7.7" },
	{ ips: [{ address: "x" }] },
];

const badLists: readonly (readonly [what: string, list: unknown])[] = [
	["is no list", { containerID: "one", ifname: "eth0" }],
	["is text", "one"],
	["lacks an interface", [{ containerID: "one" }, { containerID: "two", ifname: "eth0" }]],
	["lacks a container", [{ ifname: "eth0" }]],
	["has a number", [{ containerID: 1, ifname: "eth0" }]],
	["has null", [null]],
	["has an impossible interface", [{ containerID: "one", ifname: "a/b" }]],
];

const network = "contract";
const latest = "1.1.0";

/** The laws of lib/cni/plugin.ts, held up to a plugin through its executable. */
export function pluginContract(plugin: PluginUnderContract): void {
	describe(`plugin contract: ${plugin.type}${plugin.title === undefined ? "" : ` (${plugin.title})`}`, () => {
		let world: World;
		let container: Namespace;

		beforeEach(() => {
			world = createWorld();
			container = world.container();
		});
		afterEach(() => {
			world.dispose();
		});

		interface Changes extends Partial<PluginCall> {
			readonly version?: string;
			readonly with?: Readonly<Record<string, unknown>>;
		}

		function run(command: Command, { version = latest, with: changes = {}, ...call }: Changes = {}): PluginOutcome {
			const netns = "netns" in call ? call.netns : container;
			const before =
				typeof netns === "object" && ["ADD", "CHECK", "DEL"].includes(command)
					? plugin.prevResult?.(world, netns)
					: undefined;
			const config = {
				cniVersion: version,
				name: network,
				type: plugin.type,
				...plugin.config(world),
				...(before === undefined ? {} : { prevResult: before }),
				...(call.containerId === undefined ? {} : plugin.perContainer?.(call.containerId)),
				...changes,
			};
			return runPlugin({ world, type: plugin.type, command, config, ...call, netns });
		}

		function succeed(command: Command, changes?: Changes): AttachedResult {
			const { exitCode, stdout, stderr, json } = run(command, changes);
			expect([command, exitCode, stderr, exitCode === 0 ? "" : stdout]).toEqual([command, 0, expect.anything(), ""]);
			if (command !== "ADD") expect(stdout).toBe("");
			return (json ?? {}) as AttachedResult;
		}

		function fail(command: Command, changes?: Changes): string {
			const { exitCode, error } = run(command, changes);
			expect([command, exitCode]).toEqual([command, 1]);
			expect(error).toMatchObject({ code: expect.any(Number), msg: expect.stringMatching(/./) });
			return `${error?.msg}; ${error?.details ?? ""}`;
		}

		const check = (result: AttachedResult, changes: Changes = {}) =>
			succeed("CHECK", { ...changes, with: { prevResult: result } });

		/** What is there beside what may stay. */
		const left = () => leftovers(world, { except: [...keptByContract, ...indexes, ...(plugin.kept ?? [])] });

		/** What an attachment is made of, on the host and in the container. */
		const state = () => ({ host: snapshotOf(world), container: takeSnapshot(container) });
		const changesSince = (before: ReturnType<typeof state>) =>
			[
				...differences(before.host, snapshotOf(world)),
				...differences(before.container, takeSnapshot(container)),
			].filter((line) => !indexes.some((pattern) => pattern.test(line)));

		function attached(result: AttachedResult): Attached {
			const must = (namespace: Namespace, command: string) => {
				const outcome = attemptIn(namespace, command.split(" "));
				expect([command, outcome.exitCode, outcome.stderr]).toEqual([command, 0, ""]);
			};
			return {
				world,
				container,
				result,
				host: (command) => must(world.host, command),
				inside: (command) => must(container, command),
			};
		}

		const served = specVersions.filter((version) => versionAtLeast(version, plugin.minimumVersion ?? "0.1.0"));

		test("VERSION names the versions it serves, and echoes the caller's", () => {
			const { json, exitCode } = run("VERSION", { version: "0.4.0", netns: undefined });
			expect({ exitCode, json }).toEqual({
				exitCode: 0,
				json: { cniVersion: "0.4.0", supportedVersions: specVersions },
			});
		});

		test.each(telling(plugin, served, [served.at(0), "0.4.0", latest]))(
			"ADD answers in the form of %s, CHECK agrees where it exists, DEL takes it back",
			(version) => {
				if (!plugin.hasAddress && !versionAtLeast(version, "0.3.0")) {
					expect(fail("ADD", { version })).toContain("cannot convert: no valid IP addresses");
				} else {
					const result = succeed("ADD", { version });
					expectResultOf(version, result);
					if (versionAtLeast(version, "0.4.0")) check(result, { version });
					else expect(fail("CHECK", { version })).toContain("config version does not allow CHECK");
				}
				succeed("DEL", { version });
				expect(left()).toEqual([]);
			},
		);

		test("ADD ⇒ CHECK, as often as it is asked, and CHECK changes nothing", () => {
			const result = succeed("ADD");
			const before = state();
			check(result);
			check(result);
			expect(changesSince(before)).toEqual([]);
		});

		for (const { what, change, named } of plugin.mutations ?? []) {
			test(`CHECK says so when ${what}; DEL takes back the rest`, () => {
				const result = succeed("ADD");
				change(attached(result));
				expect(fail("CHECK", { with: { prevResult: result } })).toMatch(named);
				succeed("DEL", { with: { prevResult: result } });
			});
		}

		test("DEL succeeds again and again, with prevResult and without, and leaves nothing", () => {
			const result = succeed("ADD");
			succeed("DEL", { with: { prevResult: result } });
			expect(left()).toEqual([]);
			succeed("DEL", { with: { prevResult: result } });
			succeed("DEL");
			expect(left()).toEqual([]);
		});

		test("DEL without prevResult, or with one that cannot be read, leaves nothing", () => {
			for (const prevResult of telling(plugin, badPrevResults, ["x"])) {
				succeed("ADD");
				succeed("DEL", { with: { prevResult } });
				expect([prevResult, left()]).toEqual([prevResult, []]);
			}
		});

		test.each(telling(plugin, ["unset", "missing", "gone"], ["gone"]))(
			"DEL whose namespace is %s leaves nothing on the host",
			(how) => {
				const result = succeed("ADD");
				if (how !== "unset") deleteNamespace(container);
				const netns = { unset: undefined, missing: "/run/netns/cst-no-such", gone: container.path }[how];
				succeed("DEL", { netns, with: { prevResult: result } });
				expect(left()).toEqual([]);
			},
		);

		test("DEL before any ADD succeeds", () => {
			succeed("DEL");
			succeed("DEL", { netns: undefined });
			succeed("DEL", { netns: "/run/netns/cst-no-such" });
			expect(left()).toEqual([]);
		});

		test("STATUS is well before the first ADD and after it", () => {
			succeed("STATUS", { netns: undefined });
			succeed("ADD");
			succeed("STATUS", { netns: undefined });
		});

		const failures: readonly Failure[] = [
			...(plugin.failures ?? []),
			{ what: "the version is not served", arrange: () => ({ cniVersion: "9.9.9" }) },
		];

		for (const { what, arrange } of failures) {
			test(`ADD that fails because ${what} leaves nothing`, () => {
				// What outlives an attachment by contract is there already.
				succeed("ADD");
				succeed("DEL");
				const changes = arrange(world, container);
				const before = state();
				fail("ADD", { with: changes });
				expect(changesSince(before)).toEqual([]);
			});
		}

		test("a second ADD of the same attachment leaves the first as it is", () => {
			const result = succeed("ADD");
			const before = state();
			if (plugin.repeatable) succeed("ADD");
			else fail("ADD");
			expect(changesSince(before)).toEqual([]);
			check(result);
		});

		describe("GC", () => {
			const id = (containerID: string, ifname = "eth0") => ({ containerID, ifname });
			const gc = (list: unknown, key = "cni.dev/valid-attachments") =>
				succeed("GC", { netns: undefined, with: { [key]: list } });
			let second: Namespace;
			let results: readonly AttachedResult[];

			beforeEach(() => {
				second = world.container();
				results = [succeed("ADD", { containerId: "one" }), succeed("ADD", { containerId: "two", netns: second })];
			});

			function expectNothingRemoved(action: () => void): void {
				const before = state();
				action();
				expect(changesSince(before)).toEqual([]);
				check(results[0] ?? {}, { containerId: "one" });
				check(results[1] ?? {}, { containerId: "two", netns: second });
			}

			test("with all valid removes nothing", () => {
				expectNothingRemoved(() => gc([id("one"), id("two"), id("three")]));
			});

			test("without a list removes nothing", () => {
				expectNothingRemoved(() => succeed("GC", { netns: undefined }));
			});

			test.each([
				["null", null],
				["empty", []],
			])("with a list that is %s removes everything of this network", (_, list) => {
				deleteNamespace(container);
				deleteNamespace(second);
				gc(list);
				expect(left()).toEqual([]);
				gc(list);
			});

			test("with one of two valid removes the other alone", () => {
				deleteNamespace(second);
				gc([id("one")]);
				check(results[0] ?? {}, { containerId: "one" });
				succeed("DEL", { containerId: "one" });
				expect(left()).toEqual([]);
			});

			test("reads the key of libcni's first release", () => {
				expectNothingRemoved(() => gc([id("one"), id("two")], "cni.dev/attachments"));
				deleteNamespace(container);
				deleteNamespace(second);
				gc([], "cni.dev/attachments");
				expect(left()).toEqual([]);
			});

			test("of another network removes nothing", () => {
				expectNothingRemoved(() =>
					succeed("GC", { netns: undefined, with: { name: "other", "cni.dev/valid-attachments": [] } }),
				);
			});

			test.each(telling(plugin, badLists, badLists.slice(0, 1)))(
				"with a list that %s removes nothing and says so",
				(_, list) => {
					expectNothingRemoved(() => {
						fail("GC", { netns: undefined, with: { "cni.dev/valid-attachments": list } });
					});
				},
			);
		});

		if (plugin.type !== "host-local" && usesHostLocal(plugin) && !plugin.lean) {
			test("an executed IPAM plugin gives what the one in this process gives, verb by verb", () => {
				const foreign = join(world.directory, "bin");
				mkdirSync(foreign);
				// A copy: a link would lead to the same file, which is recognized.
				cpSync(join(distribution, "../cni-suite"), join(foreign, "host-local"));
				const log = join(world.directory, "log");
				const both = [distribution, foreign].map((path) => {
					const env = { CNI_PATH: path, CNI_SUITE_LOG: log };
					const call = (command: Command, changes: Changes = {}) => {
						const { exitCode, stdout } = run(command, { env, ...changes });
						return { command, exitCode, stdout: comparable(stdout) };
					};
					const added = run("ADD", { env });
					const answers = [
						{ command: "ADD", exitCode: added.exitCode, stdout: comparable(added.stdout) },
						call("CHECK", { with: { prevResult: added.json } }),
						call("STATUS", { netns: undefined }),
						call("ADD", { containerId: "container-1", netns: world.container() }),
						call("GC", { netns: undefined, with: { "cni.dev/valid-attachments": [id("container-1")] } }),
						call("DEL"),
						call("CHECK", { with: { prevResult: added.json } }),
						call("ADD", { version: "0.2.0" }),
						call("DEL", { version: "0.2.0", netns: undefined }),
					];
					// What is in the container alone is out of reach for a DEL without namespace.
					succeed("DEL", { env });
					const executed = existsSync(log) && readFileSync(log, "utf8").includes('"plugin":"host-local"');
					expect(left()).toEqual([]);
					// The address that comes next depends on the last one given.
					attemptIn(world.host, ["rm", "-rf", world.dataDir]);
					return { answers, executed };
				});
				expect(both.map(({ executed }) => executed)).toEqual([false, true]);
				expect(both[1]?.answers).toEqual(both[0]?.answers);
			});

			const id = (containerID: string) => ({ containerID, ifname: "eth0" });
		}

		/** Random names and hardware addresses, and those of the namespaces, made the same. */
		function comparable(stdout: string): string {
			return stdout
				.replaceAll(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC")
				.replaceAll(/"veth[0-9a-f]{8,}"/g, '"VETH"')
				.replaceAll(/\\"veth[0-9a-f]{8,}\\"/g, "VETH")
				.replaceAll(/cst-\d+-\d+/g, "NETNS");
		}
	});
}

/** All cases, or those that are enough for a lean run. */
function telling<T>(
	{ lean }: PluginUnderContract,
	cases: readonly T[],
	enough: readonly (NoInfer<T> | undefined)[],
): T[] {
	return lean ? cases.filter((each) => enough.includes(each)) : [...cases];
}

function usesHostLocal({ config }: PluginUnderContract): boolean {
	const { ipam } = config({ dataDir: "/nowhere", directory: "/nowhere" } as World);
	return (ipam as { type?: string } | undefined)?.type === "host-local";
}
