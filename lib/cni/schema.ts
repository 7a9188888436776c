/**
 * What a plugin reads of its configuration, declared once: the declaration decodes, gives the TypeScript type, and
 * tells `cnictl validate` which keys exist.
 *
 * Keys match as Go's encoding/json matches them, because configurations in the wild rely on it: the field of exactly
 * that name, else the one equal when case is ignored; of several spellings the later in the document wins; unknown
 * keys are ignored; `null` is the same as absent.
 */

/** The declared form of a value, for tools that explain a configuration. */
export type Shape =
	| { readonly kind: "boolean" | "integer" | "any" | "plugin" }
	| { readonly kind: "string"; readonly words?: Words }
	| { readonly kind: "list" | "record"; readonly of: Shape }
	| { readonly kind: "object"; readonly fields: Readonly<Record<string, Shape>> };

/** The words that have a meaning where any text is decoded, and what comes of others. */
export interface Words {
	readonly known: readonly string[];
	/** `refused`: an error of the plugin; `ignored`: as if there were none. */
	readonly others: "refused" | "ignored";
}

export interface Schema<T> {
	readonly shape: Shape;
	/** The value of an absent or null key. */
	readonly absent: T;
	/** @throws SchemaError when a present value has the wrong type. */
	decode(value: unknown, context: DecodeContext): T;
}

export type Infer<S> = S extends Schema<infer T> ? T : never;

export interface DecodeContext {
	/** Of the object or list that the value is in; undefined for the whole document. */
	readonly within?: DecodeContext;
	/** Its key there, or its place in the list. */
	readonly step: string | number;
	/** Instead of throwing, reports a problem and treats the value as absent: for DEL, which must not stop. */
	readonly tolerate?: (problem: SchemaError) => void;
}

/** A value of the wrong type, or out of its bounds; `path` says where. */
export class SchemaError extends Error {
	override readonly name = "SchemaError";
	readonly path: string;

	constructor(path: string, problem: string) {
		super(path === "" ? problem : `"${path}" ${problem}`);
		this.path = path;
	}
}

/** Decodes the whole document `value`. @throws SchemaError */
export function decodeDocument<T>(schema: Schema<T>, value: unknown, tolerate?: DecodeContext["tolerate"]): T {
	return decodePresent(schema, value, tolerate === undefined ? { step: "" } : { step: "", tolerate });
}

export function boolean(): Schema<boolean | undefined>;
export function boolean(absent: boolean): Schema<boolean>;
export function boolean(absent?: boolean): Schema<boolean | undefined> {
	return scalar("boolean", absent, (value) => typeof value === "boolean");
}

/** Text without NUL, which would end it for the kernel and the file system: what is validated must be what is used. */
export function string(): Schema<string | undefined>;
export function string(absent: string): Schema<string>;
export function string(absent?: string): Schema<string | undefined> {
	return scalar("string", absent, (value) => typeof value === "string" && !value.includes("\0"));
}

/** Text of which only some words have a meaning; the plugin says what it makes of others, and tools say it in advance. */
export function word(words: Words): Schema<string> {
	const text = string("");
	return { ...text, shape: { kind: "string", words } };
}

export function integer(): Schema<number | undefined>;
export function integer(absent: number): Schema<number>;
export function integer(absent?: number): Schema<number | undefined> {
	return scalar("integer", absent, (value) => Number.isSafeInteger(value));
}

/** A count: 0 to 2^64 - 1, as Go's uint64. Beyond 2^53 the last digits are lost. */
export function unsigned(absent: number): Schema<number> {
	return {
		shape: { kind: "integer" },
		absent,
		decode(value, context) {
			if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 2 ** 64) return Number(value);
			throw wrongType(context, "an integer of 0 or more", value);
		},
	};
}

/** Any JSON value, passed as it is; undefined when absent. */
export function any(): Schema<unknown> {
	return { shape: { kind: "any" }, absent: undefined, decode: (value) => value };
}

/** The configuration of another plugin, passed as it is; undefined when absent. */
export function plugin(): Schema<unknown> {
	return { shape: { kind: "plugin" }, absent: undefined, decode: (value) => value };
}

/** A list; `null` members become the member's absent value. Absent: undefined. */
export function list<T>(of: Schema<T>): Schema<readonly T[] | undefined> {
	return {
		get shape(): Shape {
			return { kind: "list", of: of.shape };
		},
		absent: undefined,
		decode(value, context) {
			if (!Array.isArray(value)) throw wrongType(context, "a list", value);
			return value.map((item, index) => decodePresent(of, item, below(context, index)));
		},
	};
}

/** A map whose keys are data: they match exactly. Absent: undefined. */
export function record<T>(of: Schema<T>): Schema<Readonly<Record<string, T>> | undefined> {
	return {
		get shape(): Shape {
			return { kind: "record", of: of.shape };
		},
		absent: undefined,
		decode(value, context) {
			const entries = Object.entries(asObject(value, context));
			return Object.fromEntries(entries.map(([key, item]) => [key, decodePresent(of, item, below(context, key))]));
		},
	};
}

type Fields = Readonly<Record<string, Schema<unknown>>>;
type Decoded<F extends Fields> = { readonly [K in keyof F]: Infer<F[K]> };

/** An object with declared keys, all of them optional. Absent: undefined. */
export function object<F extends Fields>(fields: F): Schema<Decoded<F> | undefined> {
	// Known when the executable is built, where a plugin finds them ready.
	const names = Object.keys(fields);
	const folded = new Map(names.toReversed().map((name) => [name.toLowerCase(), name]));
	const absent = Object.fromEntries(names.map((name) => [name, fields[name]?.absent]));
	return {
		// Made when a tool asks for it: a plugin never does, and every one of them declares dozens of keys.
		get shape(): Shape {
			const shapes = Object.entries(fields).map(([name, field]) => [name, field.shape] as const);
			return { kind: "object", fields: Object.fromEntries(shapes) };
		},
		absent: undefined,
		decode(value, context) {
			const decoded: Record<string, unknown> = { ...absent };
			const entries = asObject(value, context);
			for (const key of Object.keys(entries)) {
				const item = entries[key];
				const name = Object.hasOwn(fields, key) ? key : folded.get(key.toLowerCase());
				const field = name === undefined ? undefined : fields[name];
				if (name === undefined || field === undefined || item === null) continue;
				decoded[name] = decodePresent(field, item, below(context, key));
			}
			return decoded as Decoded<F>;
		},
	};
}

/** The same schema, but an absent object is decoded as an empty one. */
export function required<T extends object>(schema: Schema<T | undefined>): Schema<T> {
	const decode = (value: unknown, context: DecodeContext): T => {
		const decoded = schema.decode(value, context);
		if (decoded === undefined) throw new Error("required() takes the schema of an object");
		return decoded;
	};
	return {
		get shape(): Shape {
			return schema.shape;
		},
		get absent(): T {
			return decode({}, { step: "" });
		},
		decode,
	};
}

function decodePresent<T>(schema: Schema<T>, value: unknown, context: DecodeContext): T {
	if (value === null || value === undefined) return schema.absent;
	if (context.tolerate === undefined) return schema.decode(value, context);
	try {
		return schema.decode(value, context);
	} catch (thrown) {
		if (!(thrown instanceof SchemaError)) throw thrown;
		context.tolerate(thrown);
		return schema.absent;
	}
}

function scalar<T>(kind: "boolean" | "integer" | "string", absent: T, accepts: (value: unknown) => boolean): Schema<T> {
	const article = kind === "integer" ? "an" : "a";
	return {
		shape: { kind },
		absent,
		decode(value, context) {
			if (accepts(value)) return value as T;
			const wanted = typeof value === kind ? `a ${kind} without NUL` : `${article} ${kind}`;
			throw wrongType(context, wanted, value);
		},
	};
}

function asObject(value: unknown, context: DecodeContext): Record<string, unknown> {
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongType(context, "an object", value);
	return value as Record<string, unknown>;
}

function wrongType(context: DecodeContext, wanted: string, value: unknown): SchemaError {
	return new SchemaError(pathOf(context), `must be ${wanted}, not ${describeValue(value)}`);
}

/** A value as an error text shows it: its type, and the value itself where it is short. */
export function describeValue(value: unknown): string {
	if (value === null) return "null";
	if (Array.isArray(value)) return "a list";
	if (typeof value === "object") return "an object";
	const text = typeof value === "string" ? JSON.stringify(value) : String(value);
	return `the ${typeof value} ${text.length <= 64 ? text : `${text.slice(0, 61)}…`}`;
}

function below(within: DecodeContext, step: string | number): DecodeContext {
	const { tolerate } = within;
	return tolerate === undefined ? { within, step } : { within, step, tolerate };
}

/** Where in the document, for an error: `ipam.ranges[0][1].subnet`. */
function pathOf({ within, step }: DecodeContext): string {
	if (within === undefined) return "";
	const path = pathOf(within);
	if (typeof step === "number") return `${path}[${step}]`;
	return path === "" ? step : `${path}.${step}`;
}
