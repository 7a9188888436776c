import { expect, test } from "@jest/globals";
import { askForAgents } from "../../../../lib/mesos/operator/agents-question.ts";
import { createMasterConnection } from "../../../../lib/mesos/operator/master-connection.ts";
import { scriptedStream } from "../../../support/scripted-stream.ts";
import { whole } from "./fake-cluster.ts";

/** What a master begins to answer, and then an agent after the other. */
function* endless(): Generator<string> {
	yield whole({ get_master: { master_info: { id: "m1" } } });
	yield 'HTTP/1.1 200 OK\r\n\r\n{"get_agents":{"agents":[';
	for (let count = 0; ; count++)
		yield `{"agent_info":{"hostname":"h","id":{"value":"S${count}"},"x":"${"x".repeat(65_536)}"}},`;
}

test("an answer without an end holds nobody up, and has one", () => {
	const endpoint = { kind: "internet", secure: false, host: "m1", port: 5050, url: "http://m1:5050" } as const;
	const stream = scriptedStream(endless());
	const connection = createMasterConnection(endpoint, { stream, authorization: undefined, clock: () => 0 });
	using question = askForAgents(connection, { deadline: 0, report() {} });
	let reads = 0;
	const readOn = () => {
		for (; reads < 1000; reads++) expect(question.read(0)).toBeUndefined();
	};
	expect(readOn).toThrow("the master's list of agents has no end");
	expect(reads).toBeGreaterThan(200);
});
