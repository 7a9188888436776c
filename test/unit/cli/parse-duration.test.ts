import { expect, test } from "@jest/globals";
import { parseDuration } from "../../../lib/cli/parse-duration.ts";

test.each<[string, number | undefined]>([
	["90", 90_000],
	["90s", 90_000],
	["10m", 600_000],
	["1h30m", 5_400_000],
	["2d", 172_800_000],
	["0s", 0],
	["", undefined],
	["10", 10_000],
	["10 m", undefined],
	["-5m", undefined],
	["1.5h", undefined],
	["5ms", undefined],
	["soon", undefined],
	["1e3", undefined],
	["99999999999s", undefined],
])("a duration of %j", (text, milliseconds) => {
	expect(parseDuration(text)).toBe(milliseconds);
});
