import { expect, test } from "@jest/globals";
import { parseInternetEndpoint } from "../../../../lib/http/endpoint.ts";
import { backoffMs } from "../../../../lib/mesos/operator/backoff.ts";
import { redirectTarget } from "../../../../lib/mesos/operator/redirect.ts";

function target(location: string, from: string): string | undefined {
	const endpoint = parseInternetEndpoint(from, 5050);
	if (endpoint === undefined) throw new Error(`"${from}" is no URL`);
	const found = redirectTarget(location, endpoint);
	return found && `${found.url} ${found.port}`;
}

test.each([
	["//10.0.0.6:5050/api/v1", "http://10.0.0.5", "http://10.0.0.6:5050 5050"],
	["//10.0.0.6:5050/api/v1", "https://10.0.0.5", "https://10.0.0.6:5050 5050"],
	["//[fd00::1]:5050", "http://a", "http://[fd00::1]:5050 5050"],
	["//m2.example/api/v1", "http://a", "http://m2.example 5050"],
	["HTTPS://m2:443/api/v1", "http://a", "https://m2:443 443"],
])("%s from %s leads to %s", (location, from, to) => expect(target(location, from)).toBe(to));

test.each(["", "/api/v1", "api", "//", "//a b/", "//u:p@a/", "//a:0/", "ftp://a/", "//a\u001b/", "javascript://a"])(
	"%j leads to no master",
	(location) => expect(target(location, "http://a")).toBeUndefined(),
);

test("nothing leads from TLS to none", () => {
	expect(target("http://10.0.0.6:5050/api/v1", "https://a")).toBeUndefined();
});

test("rounds that fail come ever later, up to a minute, and never all at the same time", () => {
	expect([0, 1, 2, 6, 1000].map((failed) => backoffMs(failed, 1))).toEqual([1000, 2000, 4000, 60_000, 60_000]);
	expect([0, 3, 1000].map((failed) => backoffMs(failed, 0))).toEqual([500, 4000, 30_000]);
});
