/**
 * bundle ENTRY DIRECTORY: bundles the modules of a program for the engine of the plugins, one file for each part that is
 * loaded by itself; ENTRY becomes entry.js. A module `x.ts` that has a sibling `x.quickjs.ts` is replaced by that one.
 */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";

const [entry, outdir] = process.argv.slice(2);
if (entry === undefined || outdir === undefined) throw new Error("usage: bundle ENTRY DIRECTORY");
await Bun.build({
	entrypoints: [entry],
	outdir,
	naming: { entry: "entry.js", chunk: "[hash].js" },
	// Like Bun, this engine has `using`; for others it would become a stack of closures.
	target: "bun",
	format: "esm",
	splitting: true,
	minify: true,
	plugins: [
		{
			name: "engine",
			setup(build) {
				build.onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, importer }) => {
					const own = resolve(dirname(importer), path).replace(/\.ts$/, ".quickjs.ts");
					return existsSync(own) ? { path: own } : undefined;
				});
			},
		},
	],
});
