import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { formatContainerId, parseContainerId, rootOf } from "../../../lib/mesos/container-id.ts";

describe("a container id", () => {
	it("of a nested container has those of its parents before it", () => {
		const id = { value: "c", parent: { value: "b", parent: { value: "a" } } };
		expect(formatContainerId(id)).toBe("a.b.c");
		expect(parseContainerId("a.b.c")).toEqual(id);
		expect(rootOf(id)).toEqual({ value: "a" });
	});

	it("is read back as it was written, or refused; it is one name of a file", () => {
		fc.assert(
			fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[\w./\\ -]{0,260}$/)), (text) => {
				let id: ReturnType<typeof parseContainerId>;
				try {
					id = parseContainerId(text);
				} catch {
					return;
				}
				expect(formatContainerId(id)).toBe(text);
				expect(text).not.toMatch(/[/\\\s\0]|^\.|\.$|\.\./);
				expect(text.length).toBeLessThanOrEqual(255);
			}),
			{ numRuns: 2000 },
		);
	});

	it.each([
		"",
		".",
		"..",
		"a.",
		".a",
		"a..b",
		"a/b",
		"a\\b",
		"a b",
		"a\u0000",
		"x".repeat(243),
		`${"x".repeat(200)}.${"y".repeat(100)}`,
	])("%j is none", (text) => {
		expect(() => parseContainerId(text)).toThrow("Cannot use the container id");
	});
});
