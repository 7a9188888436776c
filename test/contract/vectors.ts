import { readFileSync } from "node:fs";
import { join } from "node:path";

/** One observed call of the reference; the lines of vectors.txt. */
export interface Vector {
	readonly id: string;
	/** The heading that it stands under. */
	readonly group: string;
	/** The whole environment. */
	readonly env: Readonly<Record<string, string>>;
	readonly stdin: string;
	/** What the handler returns: JSON, or the name of a result. Empty for the default. */
	readonly result: string;
	readonly exitCode: number;
	readonly stdout: string;
}

const attachment: Readonly<Record<string, string>> = {
	CNI_COMMAND: "ADD",
	CNI_CONTAINERID: "c1",
	CNI_NETNS: "/nope",
	CNI_IFNAME: "eth0",
	CNI_PATH: "/bin",
};

/** Reads vectors.txt. @throws Error for a line that has not six columns */
export function readVectors(): readonly Vector[] {
	const vectors: Vector[] = [];
	let group = "";
	for (const line of readFileSync(join(import.meta.dirname, "vectors.txt"), "utf8").split("\n")) {
		if (line.startsWith("## ")) group = line.slice(3);
		if (line.startsWith("#") || line === "") continue;
		const columns = line.split(" | ");
		const [id, changes, stdin, result, exitCode, stdout] = columns;
		if (columns.length !== 6 || id === undefined || changes === undefined || stdin === undefined) {
			throw new Error(`Cannot read the vector "${line}"`);
		}
		vectors.push({
			id,
			group,
			env: environment(changes),
			stdin: unlessEmpty(stdin),
			result: result ?? "",
			exitCode: Number(exitCode),
			stdout: unlessEmpty(stdout ?? ""),
		});
	}
	return vectors;
}

function environment(changes: string): Record<string, string> {
	const only = changes.startsWith("only:");
	const env: Record<string, string> = only ? {} : { ...attachment };
	for (const change of changes.replace(/^only:/, "").split(", ")) {
		const text = only ? change.trim() : change;
		const equals = text.indexOf("=");
		if (text.startsWith("-")) delete env[text.slice(1)];
		else if (equals > 0) env[text.slice(0, equals)] = text.slice(equals + 1);
	}
	return env;
}

function unlessEmpty(cell: string): string {
	return cell === "(empty)" ? "" : cell;
}
