import { placeOf } from "../../cni/json/place-of.ts";
import type { Finding } from "./finding.ts";

/** `10-my.conflist:7:12: error: plugins[0].ipam.subent: unknown key. …`: the form that editors and greps know. */
export function formatFinding(finding: Finding, { file, text }: { file: string; text: string }): string {
	const { line, column } = placeOf(text, finding.offset ?? 0);
	const path = finding.path === "" ? "" : `${finding.path}: `;
	return `${file}:${line}:${column}: ${finding.severity}: ${path}${finding.message}`;
}

/** The same for `--json`. */
export function findingToJson({ severity, path, offset = 0, message }: Finding, text: string): Record<string, unknown> {
	return { severity, path, ...placeOf(text, offset), message };
}
