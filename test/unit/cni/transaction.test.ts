import { describe, expect, test } from "@jest/globals";
import { annotate, CniError, errorText, toCniError } from "../../../lib/cni/error.ts";
import { createLog, type Log } from "../../../lib/cni/log.ts";
import { createRollback } from "../../../lib/cni/rollback.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";

function quietLog(): { log: Log; warnings: string[] } {
	const warnings: string[] = [];
	const stderr = (line: string) => warnings.push(line);
	return { log: createLog({ path: undefined, traceparent: undefined, fields: { plugin: "p" }, stderr }), warnings };
}

describe("rollback", () => {
	test("undoes in reverse, each step once", async () => {
		const { log } = quietLog();
		const undone: number[] = [];
		const rollback = createRollback();
		for (const step of [1, 2, 3]) rollback.push(`step ${step}`, () => void undone.push(step));
		await rollback.undoAll(log);
		await rollback.undoAll(log);
		expect(undone).toEqual([3, 2, 1]);
	});

	test("goes on after an undo that fails, also later, and says what is left", async () => {
		const { log, warnings } = quietLog();
		const undone: string[] = [];
		const rollback = createRollback();
		rollback.push("first", async () => void undone.push("first"));
		rollback.push("second", async () => {
			await Promise.resolve();
			throw new CniError(5, "disk full", { details: "make room" });
		});
		rollback.push("third", () => {
			throw new Error("no such link");
		});
		await rollback.undoAll(log);
		expect(undone).toEqual(["first"]);
		expect(warnings).toEqual([
			'p: Cannot undo "third": no such link. DEL will try again\n',
			'p: Cannot undo "second": disk full; make room. DEL will try again\n',
		]);
	});
});

describe("teardown", () => {
	test("runs every step, reports the first error and logs the others", async () => {
		const { log, warnings } = quietLog();
		const ran: string[] = [];
		const teardown = createTeardown(log);
		await teardown.step("a", () => void ran.push("a"));
		await teardown.step("b", () => {
			throw new CniError(11, "later", { details: "d" });
		});
		await teardown.step("c", async () => {
			await Promise.resolve();
			throw new Error("second");
		});
		await teardown.step("d", async () => void ran.push("d"));
		expect(() => teardown.finish()).toThrow(expect.objectContaining({ code: 11, message: "later", details: "d" }));
		expect(ran).toEqual(["a", "d"]);
		expect(warnings).toEqual(["p: second\n"]);
	});

	test("without errors ends well", async () => {
		const teardown = createTeardown(quietLog().log);
		await teardown.step("a", () => {});
		expect(() => teardown.finish()).not.toThrow();
	});
});

describe("errors", () => {
	test("that are typed pass unchanged, all others are internal and keep their cause", () => {
		const typed = new CniError(7, "m", { details: "d" });
		expect(toCniError(typed)).toBe(typed);
		const plain = new Error("boom");
		expect(toCniError(plain)).toMatchObject({ code: 999, message: "boom", details: "", cause: plain });
		expect(toCniError("text")).toMatchObject({ code: 999, message: "text" });
		expect(toCniError(undefined)).toMatchObject({ code: 999, message: "undefined" });
	});

	test("are told as callers print them", () => {
		expect(errorText(new CniError(7, "m", { details: "d" }))).toBe("m; d");
		expect(errorText(new CniError(7, "m"))).toBe("m");
	});

	test("that are annotated keep code, details and cause", () => {
		const typed = new CniError(7, "m", { details: "d" });
		const action = () =>
			annotate("reading", () => {
				throw typed;
			});
		expect(action).toThrow(expect.objectContaining({ code: 7, message: "reading: m", details: "d", cause: typed }));
		expect(annotate("reading", () => 5)).toBe(5);
	});
});
