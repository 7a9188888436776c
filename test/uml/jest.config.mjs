import base from "../../jest.config.mjs";

// Only on the kernel that test/uml/run boots. The root is read-only there, and the cache must not outlive the run.
export default { ...base, rootDir: "../..", roots: ["<rootDir>/test/uml"], testMatch: ["**/*.uml-test.ts"] };
