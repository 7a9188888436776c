import { describe, expect, it } from "@jest/globals";
import { decodeDefaultDns } from "../../../../lib/mesos/isolator/default-dns.ts";
import type { DnsSettings } from "../../../../lib/mesos/isolator/plugin-result.ts";
import { formatResolvConf, mergeDns } from "../../../../lib/mesos/isolator/resolver.ts";

const empty: DnsSettings = { nameservers: [], domain: undefined, search: [], options: [] };

describe("CniSpecTest.GenerateResolverConfig", () => {
	it.each<[string, Partial<DnsSettings>, string]>([
		["nothing", {}, ""],
		["a domain", { domain: "mesos.apache.org" }, "domain mesos.apache.org\n"],
		["nameservers", { nameservers: ["1.1.1.1", "2.2.2.2"] }, "nameserver 1.1.1.1\nnameserver 2.2.2.2\n"],
		["domains to search", { search: ["a.org", "b.org"] }, "search a.org b.org\n"],
		["options", { options: ["ndots:2", "rotate"] }, "options ndots:2 rotate\n"],
	])("%s", (_, dns, text) => {
		expect(formatResolvConf({ ...empty, ...dns })).toBe(text);
	});
});

describe("the DNS of several networks", () => {
	const one = { nameservers: ["1.1.1.1"], domain: "one", search: ["s1"], options: ["o1"] };
	const two = { nameservers: ["2.2.2.2"], domain: undefined, search: ["s2", "s1"], options: [] };
	const three = { nameservers: ["3.3.3.3"], domain: "three", search: [], options: [] };

	it("is all of them, with the last domain", () => {
		const networks = [one, two, three, two].map((dns, index) => ({ name: `n${index}`, dns }));
		expect(mergeDns(networks, [])).toEqual({
			nameservers: ["1.1.1.1", "2.2.2.2", "3.3.3.3", "2.2.2.2"],
			domain: "three",
			search: ["s1", "s2", "s1", "s2", "s1"],
			options: ["o1"],
		});
	});

	it("is undefined without a nameserver, whatever else plugins say", () => {
		expect(
			mergeDns(
				[
					{ name: "n", dns: { ...one, nameservers: [] } },
					{ name: "m", dns: undefined },
				],
				[],
			),
		).toBeUndefined();
	});

	it("comes from the default of the network, else from that of all, where the plugin names no server", () => {
		const defaults = [
			{ network: undefined, dns: three },
			{ network: "n", dns: two },
		];
		expect(mergeDns([{ name: "n", dns: { ...one, nameservers: [] } }], defaults)).toEqual(two);
		expect(mergeDns([{ name: "m", dns: undefined }], defaults)).toEqual(three);
		expect(mergeDns([{ name: "m", dns: one }], defaults)).toEqual(one);
	});
});

describe("--default_container_dns", () => {
	it("is read as Mesos documents it", () => {
		const mesos = [
			{ network_mode: "CNI", network_name: "n", dns: { nameservers: ["1.1.1.1"], domain: "d", options: "o" } },
			{ network_mode: "CNI" },
		];
		expect(decodeDefaultDns({ mesos, docker: [] })).toEqual([
			{ network: "n", dns: { nameservers: ["1.1.1.1"], domain: "d", search: [], options: ["o"] } },
			{ network: undefined, dns: empty },
		]);
	});

	it.each<[unknown, string]>([
		[[], "the whole"],
		[{ mesos: {} }, '"mesos" must be a list'],
		[{ mesos: [7] }, '"mesos[0]" must be an object'],
		[{ mesos: [{ network_mode: "HOST" }] }, 'network_mode" must be CNI, not "HOST"'],
		[{ mesos: [{ network_mode: "CNI", network_name: 7 }] }, 'network_name" must be a string'],
		[{ mesos: [{ network_mode: "CNI", dns: { nameservers: [7] } }] }, '"mesos[0].dns.nameservers" must be a string'],
	])("%j is refused", (value, problem) => {
		expect(() => decodeDefaultDns(value)).toThrow(problem);
	});
});
