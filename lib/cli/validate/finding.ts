/** Something about a configuration that its author would want to know. */
export interface Finding {
	/** An error does not work, or not as written; a warning works; a note says what was not looked at. */
	readonly severity: "error" | "warning" | "note";
	/** The place in the document: `plugins[0].ipam.ranges[0][0].subent`; empty for the document itself. */
	readonly path: string;
	/** The same place in the text; undefined for a key that is missing, which has none. */
	readonly offset?: number;
	/** What is the matter, and what would help: `unknown key. Did you mean "subnet"?` */
	readonly message: string;
}
