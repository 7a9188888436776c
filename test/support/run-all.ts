/** What bin/test runs when everything is installed: the gates, Jest, Jest in User-Mode Linux; then the sum of it all. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { root } from "./paths.ts";
import { compileStarter } from "./starter.ts";
import { failedFiles, type JestReport, noTally, ranAgain, type Tally, tallyOf, total } from "./tally.ts";

const results = join(root, ".cache/test");
/** What came of the tests that ran beside each other. */
const inCompany = join(results, "jest.json");
/** How many files may fail beside others and be judged by a second run, alone. */
const mostUnsteady = 3;
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
	const [ofJest = noTally, ...others] = tested;
	return [...gated, ofJest.failed.length === 0 ? ofJest : await alone(), ...others];
}

function gate(name: string, [command = "", ...args]: readonly string[]): Tally {
	const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
	const passed = status === 0;
	console.log(`${passed ? "ok" : "FAILED"}  ${name}`);
	if (!passed) console.log(`${stdout}${stderr}`);
	return { ...noTally, passed: passed ? 1 : 0, failed: passed ? [] : [name] };
}

async function jest(args: readonly string[]): Promise<Tally> {
	await runJest(inCompany, [`--maxWorkers=${availableParallelism() + 1}`, ...args]);
	return read(inCompany, { what: "Jest" });
}

function runJest(output: string, args: readonly string[]): Promise<void> {
	return runToEnd(node, [program("jest"), "--json", `--outputFile=${output}`, ...args]);
}

/**
 * Runs the few files again that failed beside others, one after the other: three files at a time and a second kernel on
 * two processors are a load under which a time limit or a lost echo may say nothing about the plugins. What passes now
 * is named all the same, for its test is to be mended; where more failed than noise explains, the first word counts.
 */
async function alone(): Promise<Tally> {
	const first = reportIn(inCompany);
	if (first === undefined) return read(inCompany, { what: "Jest" });
	const files = failedFiles(first);
	if (files.length > mostUnsteady) return tallyOf(first);
	console.log(`\nOnce more, alone: ${files.map((file) => relative(root, file)).join(", ")}`);
	const output = join(results, "jest-alone.json");
	await runJest(output, ["--runInBand", "--runTestsByPath", ...files]);
	const tally = tallyOf(ranAgain(first, reportIn(output) ?? { testResults: [] }));
	const steady = tallyOf(first).failed.filter((name) => !tally.failed.includes(name));
	for (const name of steady) console.log(`UNSTEADY  ${name}: failed beside others, passed alone`);
	return tally;
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
	const found = reportIn(path);
	return found === undefined ? { ...noTally, failed: [`${what}: no results`] } : tallyOf(found);
}

function reportIn(path: string): JestReport | undefined {
	return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as JestReport) : undefined;
}

/** Names what failed and what was skipped, and why; the sum is the last line. */
function report({ passed, failed, skipped }: Tally): number {
	console.log("");
	for (const name of failed) console.log(`FAILED  ${name}`);
	for (const { name, reason } of skipped) console.log(`skipped  ${name}: ${reason}`);
	console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
	return failed.length === 0 && passed > 0 ? 0 : 1;
}
