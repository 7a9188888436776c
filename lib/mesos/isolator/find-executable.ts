import { statSync } from "node:fs";

/**
 * The first file of that name in the search path that anybody may execute, as Mesos looks for plugins; undefined when
 * there is none. A name with a slash is none: whoever writes a configuration chooses among the plugins of the path.
 */
export function findExecutable(name: string, searchPath: string): string | undefined {
	if (name === "" || name.includes("/") || name.includes("\0")) return undefined;
	return searchPath
		.split(":")
		.filter((directory) => directory !== "")
		.map((directory) => `${directory}/${name}`)
		.find(isExecutable);
}

const anyExecuteBit = 0o111;

function isExecutable(path: string): boolean {
	const status = statSync(path, { throwIfNoEntry: false });
	return status?.isFile() === true && (status.mode & anyExecuteBit) !== 0;
}
