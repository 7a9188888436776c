import { listCacheEntries } from "../../cni/runtime/result-cache.ts";
import { listDirectory, readText } from "../../linux/files.ts";

/** The network configurations of a directory, and those that the result cache has kept; what cannot be read is left out. */
export function configDocuments({
	configDirectory,
	cacheDirectory,
}: {
	readonly configDirectory: string;
	readonly cacheDirectory: string;
}): readonly unknown[] {
	const texts = [...textsIn(configDirectory), ...listCacheEntries(cacheDirectory).map(({ config }) => config)];
	return texts.flatMap(parseOrNothing);
}

function textsIn(directory: string): readonly string[] {
	try {
		return listDirectory(directory)
			.filter((name) => /\.(conf|conflist|json)$/.test(name))
			.sort()
			.map((name) => readText(`${directory}/${name}`));
	} catch {
		return [];
	}
}

function parseOrNothing(text: string): readonly unknown[] {
	try {
		return [JSON.parse(text)];
	} catch {
		return [];
	}
}
