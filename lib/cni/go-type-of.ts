/** The name that Go gives the type of a JSON value: error texts of the reference end with it. */
export function goTypeOf(value: unknown): string {
	if (value === null || value === undefined) return "<nil>";
	if (Array.isArray(value)) return "[]interface {}";
	if (typeof value === "number") return "float64";
	if (typeof value === "boolean") return "bool";
	return typeof value === "object" ? "map[string]interface {}" : typeof value;
}

/** The word that encoding/json uses for the type of a JSON value: `json: cannot unmarshal number into …`. */
export function goJsonKindOf(value: unknown): string {
	if (value === null || value === undefined) return "null";
	if (Array.isArray(value)) return "array";
	if (typeof value === "boolean") return "bool";
	return typeof value;
}
