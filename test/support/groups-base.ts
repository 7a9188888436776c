/** What the plugin groups leaves when nobody is in a group any more: tables with their rules, and empty sets. */
export const groupsBase: readonly RegExp[] = [
	/^\+ nft table (bridge|inet) cni_groups /,
	/^\+ nft (chain|rule) (bridge|inet) cni_groups (neighbours|unproven|(from|to)_container|prerouting|forward) /,
	/^\+ nft (set|map) (bridge|inet) cni_groups (?!group)\S+ (?!.*"elem")/,
	/^[+-] nft set inet cni_groups bridges /,
];
