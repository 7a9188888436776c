import "../engine/host.ts";

/** host.c has the arguments checked and the memory found: nothing stands between. */
export const { systemCall, addressOf } = host;
