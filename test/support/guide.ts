import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./paths.ts";

/** The block of code of a page that is marked with the name: what stands between ```` ```sh NAME ```` and ```` ``` ````. */
export function blockOf(page: string, name: string): string {
	const text = readFileSync(join(root, page), "utf8");
	const block = new RegExp(`^\`\`\`\\w+ ${name}\\n([^]*?)^\`\`\`$`, "m").exec(text)?.[1];
	if (block === undefined) throw new Error(`"${page}" has no block "${name}"`);
	return block;
}

/** What a block of a terminal shows: commands, each behind `# `, and the lines that it prints. */
export function stepsOf(block: string): readonly { readonly command: string; readonly output: string }[] {
	return block.split(/^# /m).flatMap((step) => {
		const [command = "", ...lines] = step.split("\n");
		return command === "" ? [] : [{ command, output: lines.join("\n") }];
	});
}
