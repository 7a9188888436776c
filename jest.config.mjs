// Everything that imports nothing of bun: is tested by import; the rest through the executables in dist/bin.
export default {
	testEnvironment: "node",
	roots: ["<rootDir>/test"],
	testMatch: ["**/*.test.ts"],
	globalSetup: "<rootDir>/test/support/jest-setup.ts",
	testSequencer: "<rootDir>/test/support/sequencer.ts",
	transform: {
		"^.+\\.[cm]?[jt]s$": [
			"@swc/jest",
			{ jsc: { parser: { syntax: "typescript" }, target: "es2024" }, module: { type: "commonjs" } },
		],
	},
	// These are published as ES modules only, which Jest loads transformed.
	transformIgnorePatterns: ["/node_modules/(?!(fast-check|pure-rand|ip-address)/)"],
	// Node has no bun:ffi.
	moduleNameMapper: { "/libc\\.ts$": "<rootDir>/test/support/libc-on-node.ts" },
	watchman: false,
	testTimeout: 60_000,
};
