import { expect, test } from "@jest/globals";
import { attachmentPrefix, attachmentTag, networkPrefix, parseTag } from "../../../lib/cni/attachment-tag.ts";

const attachment = { network: "unit-test", ifName: "eth0", containerId: "one" };

test.each([
	["unit-test", "eth0", "one", "6fd94d501e58f0aa-287fc69eff0574a2"],
	["unit-test", "eth0", "two", "6fd94d501e58f0aa-d750b2c8f0f25d5f"],
	["unit-test", "eth0", "three", "6fd94d501e58f0aa-a4d4adb82b669cfe"],
	["unit-test", "eth0", "four", "6fd94d501e58f0aa-e766de567ef6c543"],
	["alternate", "net1", "three", "82783ef24bdc7036-acb19d111858e348"],
])("network %s, interface %s of container %s begins with %s", (network, ifName, containerId, prefix) => {
	expect(attachmentPrefix({ network, ifName, containerId })).toBe(prefix);
	expect(prefix.startsWith(`${networkPrefix(network)}-`)).toBe(true);
	expect(attachmentTag({ network, ifName, containerId })).toBe(
		`${prefix}, net: ${network}, if: ${ifName}, id: ${containerId}`,
	);
});

test("the reference's further hashes of networks and interfaces", () => {
	expect(networkPrefix("unit-test")).toBe("6fd94d501e58f0aa");
	expect(networkPrefix("alternate")).toBe("82783ef24bdc7036");
});

test("quotation marks are left out of the readable part, not of the hashes", () => {
	const odd = { ...attachment, ifName: 'e"th"0' };
	expect(attachmentTag(odd)).toBe(`${attachmentPrefix(odd)}, net: unit-test, if: eth0, id: one`);
	expect(attachmentPrefix(odd)).not.toBe(attachmentPrefix(attachment));
});

test("a long tag ends after 128 bytes, never within a character", () => {
	const long = attachmentTag({ ...attachment, containerId: "c".repeat(200) });
	expect(long).toHaveLength(128);
	const cut = attachmentTag({ ...attachment, ifName: "ü".repeat(60) });
	expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(128);
	expect(cut).toMatch(/if: ü+$/);
});

test("a tag tells its owner when it is whole, and only the hashes when it is cut off or forged", () => {
	const prefix = attachmentPrefix(attachment);
	expect(parseTag(attachmentTag(attachment))).toEqual({ prefix, attachment });
	const long = { ...attachment, containerId: "c".repeat(200) };
	expect(parseTag(attachmentTag(long))).toEqual({ prefix: attachmentPrefix(long) });
	expect(parseTag(`${prefix}, net: other, if: eth0, id: one`)).toEqual({ prefix });
	expect(parseTag("somebody's own rule")).toBeUndefined();
});
