import { expect, test } from "@jest/globals";
import { cnictl, cnitool, createRuntimeClient } from "./runtime-client.ts";

/*
 * Every way in which a configuration can be malformed: cnictl says what cnitool says (operators search for it), and
 * goes on with the file. Status is the command, since it needs no attachment.
 */

const plugins = [{ type: "rec" }];
const list = { name: "n", cniVersion: "1.1.0", plugins };

const malformed: readonly (readonly [string, unknown])[] = [
	["nothing", ""],
	["a list", []],
	["a number", "5"],
	["null", "null"],
	["an open object", '{"name":"n"'],
	["a comma too much", '{"name":"n",}'],
	["a comma too much in a list", '{"name":"n","plugins":[1,]}'],
	["text after the end", '{"name":"n"} x'],
	["a bare word", "{name:1}"],
	["a wrong literal", '{"name":trux}'],
	["a missing colon", '{"name" "n"}'],
	["a missing comma", '{"name":"n" "plugins":[]}'],
	["a missing comma in a list", "[1 2]"],
	["a wrong escape", '{"name":"\\x"}'],
	["a wrong unicode escape", '{"name":"\\u00zz"}'],
	["a newline in a string", '{"name":"a\nb"}'],
	["a number with a point only", '{"name":1.}'],
	["a number with a bare exponent", '{"name":1e}'],
	["a lone minus", '{"name":-}'],
	["a quote as text", "{'name':1}"],
	["no name", { ...list, name: undefined }],
	["a name that is a number", { ...list, name: 5 }],
	["a name that is null", { ...list, name: null }],
	["a name that is an object", { ...list, name: {} }],
	["a version that is a number", { ...list, cniVersion: 1 }],
	["a version that is a list", { ...list, cniVersion: ["1.1.0"] }],
	["a version among versions that is true", { ...list, cniVersions: [true] }],
	["versions with too many parts", { ...list, cniVersions: ["1.1.0.0"] }],
	["a flag that is a number", { ...list, disableCheck: 1 }],
	["a flag that is another word", { ...list, disableGC: "yes" }],
	["a flag that is null", { ...list, loadOnlyInlinedPlugins: null }],
	["plugins that are an object", { ...list, plugins: {} }],
	["plugins that are null", { ...list, plugins: null }],
	["plugins that are none", { ...list, plugins: [] }],
	["no plugins at all", { ...list, plugins: undefined }],
	["no plugins, and the folder forbidden", { ...list, plugins: undefined, loadOnlyInlinedPlugins: true }],
	["a plugin without a type", { ...list, plugins: [...plugins, {}] }],
	["a plugin that is null", { ...list, plugins: [null] }],
	["a plugin with an empty type", { ...list, plugins: [{ type: "" }] }],
];

test.each(malformed)("a list that is malformed: %s", (_name, content) => {
	const { ours, reference } = load("10.conflist", content);
	expect(reference).not.toBe("");
	expect(ours.startsWith(reference)).toBe(true);
	expect(ours).toContain("10.conflist");
});

test.each([
	["no type", { name: "n" }],
	["an empty type", { name: "n", type: "" }],
	["nothing", ""],
	["null", "null"],
])("a single configuration that is malformed: %s", (_name, content) => {
	const { ours, reference } = load("10.conf", content);
	expect(ours.startsWith(reference)).toBe(true);
	expect(ours).toContain("10.conf");
});

test.each([
	["a plugin that is a number", "10.conflist", { ...list, plugins: [1] }],
	["a type that is a number", "10.conflist", { ...list, plugins: [{ type: 1 }] }],
	["capabilities that are a list", "10.conflist", { ...list, plugins: [{ type: "rec", capabilities: [] }] }],
	["a capability that is text", "10.conflist", { ...list, plugins: [{ type: "rec", capabilities: { a: "b" } }] }],
	["a single configuration that is a list", "10.conf", []],
	["versions of words", "10.conflist", { ...list, cniVersions: ["new"] }],
	["a version of words beside versions", "10.conflist", { ...list, cniVersion: "1.x", cniVersions: ["1.0.0"] }],
	["a list of versions that is text", "10.conflist", { ...list, cniVersions: "1.1.0" }],
])("refused by both, where the end of the text is Go's own: %s", (_name, file, content) => {
	const { ours, reference } = load(file, content);
	const beforeGo = reference.replace(/(json: cannot unmarshal \w+|invalid type for cniVersions|(?=strconv)).*/s, "$1");
	expect(reference).not.toBe("");
	expect(ours.startsWith(beforeGo)).toBe(true);
});

test.each([
	["keys in another letter case in a plugin", { ...list, plugins: [{ Type: "rec" }] }],
	["flags as text", { ...list, disableCheck: "False", disableGC: "FALSE", loadOnlyInlinedPlugins: "true" }],
	["a version that does not exist", { ...list, cniVersion: "1.0.5" }],
	["versions without any that exists", { ...list, cniVersions: [] }],
	["duplicate names", '{"name":"x","name":"n","cniVersion":"1.1.0","plugins":[{"type":"rec"}]}'],
])("understood by both: %s", (_name, content) => {
	expect(load("10.conflist", content)).toEqual({ ours: "", reference: "" });
});

function load(file: string, content: unknown): { ours: string; reference: string } {
	const [ours = "", reference = ""] = [cnictl, cnitool].map((executable) => {
		using client = createRuntimeClient(executable);
		client.write(file, content);
		const { exitCode, stderr } = client.run(["status", "n", "/tmp/ns1"]);
		expect(exitCode).toBe(stderr === "" ? 0 : 1);
		return stderr.replaceAll(client.configDirectory, "<net.d>").trimEnd();
	});
	return { ours, reference };
}
