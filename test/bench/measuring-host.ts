import { createNamespace, deleteNamespace, enter, type Namespace } from "../support/namespace.ts";
import { type Call, type TimedCall, timed } from "./call.ts";

/** A namespace that plays a host, and a process in it that makes calls: what is measured is the call alone. */
export interface MeasuringHost extends AsyncDisposable {
	/** For what is to be there before the first call. */
	readonly namespace: Namespace;
	/** @throws Error when the plugin fails */
	timed(call: Call): Promise<TimedCall>;
}

/** Two suites on one host would pay for each other: ours looks after rules of iptables only where there are any. */
export function createMeasuringHost(name: string): MeasuringHost {
	const namespace = createNamespace(name);
	const worker = Bun.spawn(enter(namespace, [process.execPath, import.meta.filename]), {
		stdin: "pipe",
		stdout: "pipe",
		stderr: "inherit",
	});
	const answers = linesOf(worker.stdout);
	return {
		namespace,
		async timed(call) {
			worker.stdin.write(`${JSON.stringify(call)}\n`);
			worker.stdin.flush();
			const { value, done } = await answers.next();
			if (done) throw new Error(`Cannot measure on "${name}": its process has ended`);
			const answer = JSON.parse(value) as TimedCall & { readonly error?: string };
			if (answer.error !== undefined) throw new Error(answer.error);
			return answer;
		},
		async [Symbol.asyncDispose]() {
			worker.stdin.end();
			await worker.exited;
			deleteNamespace(namespace);
		},
	};
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
	let rest = "";
	for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
		const lines = `${rest}${chunk}`.split("\n");
		rest = lines.pop() ?? "";
		yield* lines;
	}
	return undefined;
}

/** The process in there. */
async function work(): Promise<void> {
	for await (const line of linesOf(Bun.stdin.stream())) {
		let answer: object;
		try {
			answer = timed(JSON.parse(line) as Call);
		} catch (thrown) {
			answer = { error: String(thrown) };
		}
		process.stdout.write(`${JSON.stringify(answer)}\n`);
	}
}

if (import.meta.main) await work();
