import "../engine/host.ts";

export const { sha512 } = host;
