import { createHash } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { sha512Hex } from "../../../lib/cni/sha512.ts";

const oracle = (text: string) => createHash("sha512").update(text).digest("hex");

test.each(["", "abc", "x".repeat(111), "x".repeat(112), "x".repeat(127), "x".repeat(128), "é".repeat(300)])(
	"of %j",
	(text) => expect(sha512Hex(text)).toBe(oracle(text)),
);

test("of any text", () => {
	fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => sha512Hex(text) === oracle(text)));
});
