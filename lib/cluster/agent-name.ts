/**
 * Whether a text can be the name of an agent of the plugin `cluster` ("ipam.agent"), which is a part of keys in etcd. Agents
 * say it of themselves, as a Mesos master hands it on: nothing of it is used before.
 */
export function isAgentName(text: string): boolean {
	return /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text);
}
