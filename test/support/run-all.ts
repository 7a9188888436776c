/** What bin/test runs when everything is installed: the gates, Jest, Jest in User-Mode Linux; then the sum of it all. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { root } from "./paths.ts";
import { compileStarter } from "./starter.ts";
import { type JestReport, noTally, type Tally, tallyOf, total } from "./tally.ts";

const results = join(root, ".cache/test");
const node = process.execPath;
const program = (name: string) => join(root, "node_modules/.bin", name);

/** Checks that are no Jest tests; each counts as one. */
const gates: Readonly<Record<string, readonly string[]>> = {
	types: [program("tsc"), "-p", "."],
	"lint and format": [program("biome"), "check", "--error-on-warnings", "."],
	"import directions": [node, "test/support/check-imports.ts"],
};

process.chdir(root);
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
	rmSync(results, { recursive: true, force: true });
	mkdirSync(results, { recursive: true });
	const build = gate("build", [join(root, "bin/build")]);
	return report(total([build, ...(await run(args, { built: build.failed.length === 0 }))]));
}

async function run([first, ...rest]: readonly string[], { built }: { built: boolean }): Promise<Tally[]> {
	const ifBuilt = (what: string, tests: () => Promise<Tally>): Promise<Tally> =>
		built ? tests() : Promise.resolve({ ...noTally, failed: [`${what} (not run, as the build failed)`] });
	if (first === "--uml") return [await ifBuilt("User-Mode Linux", () => uml(rest))];
	if (first !== undefined) {
		// The option's name before Jest 30; it takes one value.
		const option = first.replace(/^--testPathPattern(?=$|=)/, "--testPathPatterns");
		return [await ifBuilt("Jest", () => jest([option, ...rest]))];
	}
	const gated = Object.entries(gates).map(([name, command]) => gate(name, command));
	// Side by side: the other kernel runs on one processor, and tests on this one wait half of their time.
	const tested = await Promise.all([ifBuilt("Jest", () => jest([])), ifBuilt("User-Mode Linux", () => uml([]))]);
	return [...gated, ...tested];
}

function gate(name: string, [command = "", ...args]: readonly string[]): Tally {
	const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
	const passed = status === 0;
	console.log(`${passed ? "ok" : "FAILED"}  ${name}`);
	if (!passed) console.log(`${stdout}${stderr}`);
	return { ...noTally, passed: passed ? 1 : 0, failed: passed ? [] : [name] };
}

async function jest(args: readonly string[]): Promise<Tally> {
	const output = join(results, "jest.json");
	const options = [`--maxWorkers=${availableParallelism() + 1}`, "--json", `--outputFile=${output}`];
	await runToEnd(node, [program("jest"), ...options, ...args]);
	return read(output, { what: "Jest" });
}

async function uml(patterns: readonly string[]): Promise<Tally> {
	const what = "User-Mode Linux";
	if (spawnSync("linux.uml", ["--version"]).error !== undefined) {
		return {
			...noTally,
			skipped: [{ name: `all tests in ${what}`, reason: "there is no linux.uml (Debian: user-mode-linux)" }],
		};
	}
	compileStarter();
	const folder = join(results, "uml");
	const options = [
		"--config",
		"test/uml/jest.config.mjs",
		"--runInBand",
		"--json",
		"--outputFile=/run/out/result.json",
	];
	const tests = ["node_modules/.bin/node", "node_modules/.bin/jest", ...options, ...patterns];
	rmSync(join(folder, "result.json"), { force: true });
	await runToEnd(join(root, "test/uml/run"), [folder, ...tests]);
	if (existsSync(join(folder, "output"))) console.log(readFileSync(join(folder, "output"), "utf8"));
	return read(join(folder, "result.json"), { what });
}

/** Only what it says on stderr is shown. What came of it is in a file. */
function runToEnd(command: string, args: readonly string[]): Promise<void> {
	const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
	return new Promise((resolve, reject) => child.on("error", reject).on("close", () => resolve()));
}

function read(path: string, { what }: { what: string }): Tally {
	if (!existsSync(path)) return { ...noTally, failed: [`${what}: no results`] };
	return tallyOf(JSON.parse(readFileSync(path, "utf8")) as JestReport);
}

/** Names what failed and what was skipped, and why; the sum is the last line. */
function report({ passed, failed, skipped }: Tally): number {
	console.log("");
	for (const name of failed) console.log(`FAILED  ${name}`);
	for (const { name, reason } of skipped) console.log(`skipped  ${name}: ${reason}`);
	console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
	return failed.length === 0 && passed > 0 ? 0 : 1;
}
