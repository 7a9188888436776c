/** That of the plugin, for networks that are not configured here. */
export const defaultCooldownMs = 60_000;
