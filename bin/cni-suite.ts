/**
 * Entry of the one executable: the name it was started by says which plugin, or `cnictl`, it is.
 */
import { readSync, writeSync } from "node:fs";
import { runPlugin } from "../lib/cni/frame.ts";
import { plugins } from "../plugins/registry.ts";
import { version as release } from "../package.json";

const operatorCommand = "cnictl";

async function main(): Promise<number> {
	const name = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
	if (name === operatorCommand) {
		const { cnictl } = await import("../lib/cli/main.ts");
		return await cnictl(process.argv.slice(2), { plugins, release });
	}
	const plugin = plugins.load(name);
	if (plugin === undefined) {
		writeAll(2, `Cannot tell which plugin to be: started as "${name}". Start it through a link named ${nameList()}\n`);
		return 1;
	}
	return await runPlugin(await plugin, {
		variables: process.env,
		release,
		plugins,
		readStdin,
		writeStdout: (text) => writeAll(1, text),
		writeStderr: (text) => writeAll(2, text),
	});
}

function nameList(): string {
	return [...plugins.types, operatorCommand].map((name) => `"${name}"`).join(", ");
}

/** All of stdin; process.stdin and process.stdout would cost 10 ms at start. */
function readStdin(): Uint8Array {
	const chunks: Uint8Array[] = [];
	for (;;) {
		const chunk = new Uint8Array(16 * 1024);
		const length = retry(() => readSync(0, chunk));
		if (length === 0) return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
		chunks.push(chunk.subarray(0, length));
	}
}

function writeAll(fd: number, text: string): void {
	let rest: Uint8Array = new TextEncoder().encode(text);
	while (rest.byteLength > 0) {
		const written = retry(() => writeSync(fd, rest));
		rest = rest.subarray(written);
	}
}

/** A runtime may hand over pipes in non-blocking mode. */
function retry(call: () => number): number {
	for (;;) {
		try {
			return call();
		} catch (thrown) {
			if ((thrown as { code?: string }).code !== "EAGAIN") throw thrown;
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
		}
	}
}

// Everything is written: not waiting for the runtime to wind down saves a millisecond.
process.exit(await main());
