import { expect, test } from "@jest/globals";
import { connectionOf } from "../../../lib/cluster/settings.ts";

const common = { type: "cluster" };

test("an endpoint with a user and a password is refused, and nobody is told them", () => {
	const connect = () =>
		connectionOf({ ipam: { ...common, endpoints: ["http://me:pass@word@10.0.0.1:2379"] } } as never);
	expect(connect).toThrow('Cannot use "ipam.endpoints[0]" "http://…@10.0.0.1:2379"');
});
