import { describe, expect, it } from "@jest/globals";
import type { GroupMember } from "../../../lib/firewall/group-member.ts";
import { groupVerdict } from "../../../lib/firewall/group-verdict.ts";

function party(name: string, changes: Partial<GroupMember> | undefined) {
	const member = changes === undefined ? undefined : { ...plain, ...changes };
	return { name, member };
}

const plain: GroupMember = {
	attachment: { network: "n", containerId: "c", ifName: "eth0" },
	groups: [],
	open: true,
	port: "veth0",
	bridges: ["br0"],
	mac: "02:00:00:00:00:01",
	addresses: [],
	linkLocal: undefined,
	hostPorts: false,
	outside: true,
};

describe("groupVerdict", () => {
	it.each([
		[{ groups: ["a"] }, { groups: ["a"] }, 'yes: both are in "a"'],
		[{ groups: ["a", "b", "c"] }, { groups: ["c", "a"] }, 'yes: both are in "a", "c"'],
		[{ groups: ["a"] }, { groups: ["b"] }, 'no: A is in "a", B is in "b"'],
		[
			{ groups: ["a"] },
			{ groups: ['b"'], hostPorts: true },
			'no: A is in "a", B is in "b\\""; ports of the host that lead to B are open to everybody',
		],
		[{}, {}, 'yes: both are in no group, and the default of their networks is "open"'],
		[
			{},
			{ open: false },
			'no: A is in no group, and its default is "open", B is in no group, and its default is "closed"',
		],
		[{ groups: ["a"] }, {}, 'no: A is in "a", B is in no group, and its default is "open"'],
		[{ groups: ["a"] }, undefined, "yes: groups say nothing of B"],
		[undefined, undefined, "yes: groups say nothing of A nor of B"],
		[undefined, {}, "yes: groups say nothing of A, and B is open to the outside"],
		[undefined, { outside: false }, 'no: groups say nothing of A, and B may only answer A: "outside" is "closed"'],
		[
			undefined,
			{ outside: false, hostPorts: true },
			'no: groups say nothing of A, and B may only answer A: "outside" is "closed"; ports of the host that lead to it are open to everybody',
		],
	])("%j to %j: %s", (from, to, expected) => {
		const { may, reason } = groupVerdict(party("A", from), party("B", to));
		expect(`${may ? "yes" : "no"}: ${reason}`).toBe(expected);
	});

	it("lets an interface talk with itself", () => {
		const self = party("A", { open: false });
		expect(groupVerdict(self, self).may).toBe(true);
	});
});
