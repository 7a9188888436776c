/** How whoever is not the runtime removes what an attachment has in the firewall. */
export interface Removal {
	/** Asked under the lock, before anything is changed: false leaves everything as it is. */
	readonly onlyIf?: (() => boolean) | undefined;
}
