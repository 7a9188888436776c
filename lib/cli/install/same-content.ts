import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const chunkBytes = 1024 * 1024;

/** Whether two files hold the same bytes, and the second may be executed by all. @throws Error of node:fs */
export function sameContent(a: string, b: string): boolean {
	const files = [openSync(a, "r"), openSync(b, "r")] as const;
	try {
		const [first, second] = files.map((file) => fstatSync(file));
		if (first?.size !== second?.size || ((second?.mode ?? 0) & 0o777) !== 0o755) return false;
		const buffers = [Buffer.alloc(chunkBytes), Buffer.alloc(chunkBytes)] as const;
		for (;;) {
			const length = readSync(files[0], buffers[0]);
			if (length !== readSync(files[1], buffers[1])) return false;
			if (length === 0) return true;
			if (!buffers[0].subarray(0, length).equals(buffers[1].subarray(0, length))) return false;
		}
	} finally {
		for (const file of files) closeSync(file);
	}
}
