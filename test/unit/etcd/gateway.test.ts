import { expect, test } from "@jest/globals";
import { createGateway, type Login } from "../../../lib/etcd/gateway.ts";
import type { HttpResponse } from "../../../lib/http/exchange.ts";

const own: HttpResponse = { status: 200, body: '{"header":{},"count":"7"}' };

function gatewayTo(answers: Readonly<Record<string, HttpResponse>>, login?: Login) {
	const endpoints = Object.keys(answers).map((url) => ({ kind: "socket", path: url, url }) as const);
	const post = ({ url }: { url: string }) => answers[url] ?? own;
	return createGateway({ endpoints, timeoutMs: 250, post, login });
}

test.each<[string, HttpResponse]>([
	["a web server", { status: 200, body: "<html>\u001b[31m</html>" }],
	["a redirection", { status: 307, body: "" }],
	["a web server without the page", { status: 404, body: "404 page not found\n" }],
	["another service that speaks JSON", { status: 200, body: "{}" }],
	["one that speaks of nothing", { status: 404, body: "[]" }],
])("%s in the place of etcd is passed over, and named where there is nothing else", async (_, answer) => {
	expect(await gatewayTo({ stranger: answer, etcd: own }).call("kv/range", {})).toMatchObject({ count: "7" });
	await expect(gatewayTo({ stranger: answer }).call("kv/range", {})).rejects.toMatchObject({
		message: `Cannot reach etcd at "stranger": no answer of etcd, but HTTP status ${answer.status}: ${JSON.stringify(answer.body.trim())}`,
		details: 'Something else than etcd 3.4 or later listens there: check "endpoints"',
		kind: "refused",
	});
});

test.each([502, 503, 504])(
	"a proxy without members (%d) is etcd away, and nobody knows what has reached it",
	async (status) => {
		const proxy = { status, body: "<html>upstream</html>" };
		await expect(gatewayTo({ proxy }).call("kv/txn", {})).rejects.toMatchObject({ kind: "away", unsure: true });
		expect(await gatewayTo({ proxy, etcd: own }).call("kv/range", {})).toMatchObject({ count: "7" });
	},
);

test.each<[string, HttpResponse, string]>([
	["", { status: 403, body: '{"error":"etcdserver: permission denied","code":7}' }, "etcdserver: permission denied"],
	[", in plain text", { status: 400, body: "CommonName of client…" }, "CommonName of client…"],
])("what etcd itself refuses%s is asked of nobody else", async (_, refusal, cause) => {
	await expect(gatewayTo({ one: refusal, two: own }).call("kv/range", {})).rejects.toMatchObject({
		message: `etcd refuses ${cause}`,
		kind: "refused",
	});
});

test("an answer that has nothing to say is one, where it is not of keys", async () => {
	expect(await gatewayTo({ etcd: { status: 200, body: "{}" } }).call("maintenance/defragment", {})).toEqual({});
});

test.each(["invalid auth token", "user name is empty", "revision of auth store is old"])(
	"a token that etcd takes no more (%s) is replaced by a new login",
	async (cause) => {
		const remembered: string[] = [];
		const gateway = createGateway({
			endpoints: [{ kind: "socket", path: "", url: "etcd" }],
			timeoutMs: 250,
			post: (_, { path, headers }) => {
				if (path === "/v3/auth/authenticate") return { status: 200, body: '{"header":{},"token":"new"}' };
				if (headers.Authorization === "new") return own;
				return { status: 400, body: JSON.stringify({ error: `etcdserver: ${cause}`, code: 3 }) };
			},
			login: {
				user: "cni",
				password: () => "secret",
				recall: () => "old",
				remember: (token) => void remembered.push(token),
			},
		});
		expect(await gateway.call("kv/range", {})).toMatchObject({ count: "7" });
		expect(remembered).toEqual(["new"]);
	},
);
