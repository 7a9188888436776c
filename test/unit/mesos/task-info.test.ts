import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CniError } from "../../../lib/cni/error.ts";
import { decodeTaskInfo } from "../../../lib/mesos/task/task-info.ts";

describe("TaskInfo", () => {
	it("gives the command through the shell, or by itself with its arguments", () => {
		expect(decodeTaskInfo({ command: { value: "a | b" } }).command?.argv).toEqual(["sh", "-c", "a | b"]);
		const command = { value: "/bin/x", shell: false, arguments: ["called", "one", ""] };
		expect(decodeTaskInfo({ command }).command?.argv).toEqual(["called", "one", ""]);
		const environment = { variables: [{ name: "A", value: "b=c" }, { name: "E" }] };
		expect(decodeTaskInfo({ command: { value: "x", environment } }).command?.environment).toEqual({ A: "b=c", E: "" });
	});

	it("of a task with an executor is that of the executor", () => {
		const info = decodeTaskInfo({
			name: "t",
			task_id: { value: "t1" },
			container: { hostname: "task" },
			executor: {
				executor_id: { value: "e" },
				command: { value: "run" },
				container: { type: "MESOS", hostname: "executor", network_infos: [{ name: "n" }] },
			},
		});
		expect(info).toMatchObject({
			taskId: "t1",
			name: "t",
			executorId: "e",
			hostname: "executor",
			networkInfos: [{ name: "n" }],
		});
	});

	it("may be an ExecutorInfo by itself", () => {
		const info = decodeTaskInfo({ executor_id: { value: "e" }, command: { value: "run" } });
		expect(info).toMatchObject({ executorId: "e", taskId: undefined, command: { program: "/bin/sh" } });
	});

	it("has a grace period of three seconds unless it says another, of a day at most", () => {
		expect(decodeTaskInfo({}).gracePeriodMs).toBe(3000);
		const grace = (nanoseconds: number) =>
			decodeTaskInfo({ kill_policy: { grace_period: { nanoseconds } } }).gracePeriodMs;
		expect([grace(5e8), grace(-1), grace(Number.MAX_SAFE_INTEGER)]).toEqual([500, 0, 86_400_000]);
	});

	it("is understood or refused, whatever a tenant writes", () => {
		const value = fc.letrec((tie) => ({
			any: fc.oneof(
				{ maxDepth: 4 },
				fc.jsonValue(),
				fc.dictionary(
					fc.constantFrom(
						"container",
						"executor",
						"command",
						"network_infos",
						"value",
						"task_id",
						"hostname",
						"environment",
						"variables",
						"type",
						"arguments",
					),
					tie("any"),
				),
			),
		})).any;
		fc.assert(
			fc.property(value, (info) => {
				try {
					const { taskId, hostname } = decodeTaskInfo(info);
					expect(taskId ?? "").not.toMatch(/[/\\\n]/);
					expect(hostname ?? "").not.toMatch(/[\s/]/);
				} catch (thrown) {
					expect(thrown).toBeInstanceOf(CniError);
				}
			}),
			{ numRuns: 1000 },
		);
	});
});
