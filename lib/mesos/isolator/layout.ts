/*
 * What the isolator keeps on disk, to the letter what the agent's keeps, so that one can take over from the other:
 *
 *   <state root>/                                  a mount of its own, shared, so that unmounting reaches containers
 *     <container id>/                              parent.child for nested containers
 *       ns                                         the network namespace, bound; a plain empty file after a reboot
 *       hostname, hosts, resolv.conf               what the container finds in /etc
 *       <network>/
 *         network.conf                             what ADD was given on stdin, and DEL will be
 *         <interface>/                             made before ADD, gone when DEL has succeeded
 *           network.info                           what ADD printed
 *
 * They are made in this order. A container directory is removed when every DEL has succeeded; until then whatever
 * happened is told by what is there: no network.conf, then no ADD; no interface directory, then nothing is left to DEL.
 * No lock: one process (an agent, or one `cnictl task run`) owns a container.
 */

/** The files of one container. `id` and the names of networks are validated: none contains a slash. */
export interface ContainerPaths {
	readonly directory: string;
	readonly namespace: string;
	readonly hostname: string;
	readonly hosts: string;
	readonly resolvConf: string;
}

export function containerPaths(stateRoot: string, id: string): ContainerPaths {
	const directory = `${stateRoot}/${id}`;
	return {
		directory,
		namespace: `${directory}/ns`,
		hostname: `${directory}/hostname`,
		hosts: `${directory}/hosts`,
		resolvConf: `${directory}/resolv.conf`,
	};
}

export interface NetworkPaths {
	readonly directory: string;
	readonly config: string;
}

export function networkPaths(container: ContainerPaths, network: string): NetworkPaths {
	const directory = `${container.directory}/${network}`;
	return { directory, config: `${directory}/network.conf` };
}

export interface InterfacePaths {
	readonly directory: string;
	readonly result: string;
}

export function interfacePaths(network: NetworkPaths, ifName: string): InterfacePaths {
	const directory = `${network.directory}/${ifName}`;
	return { directory, result: `${directory}/network.info` };
}
