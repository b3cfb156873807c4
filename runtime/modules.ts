/** What a runtime can do besides connecting, polling and delivering, in the order in which modules are opened. */
export const MODULES = ["act", "sync", "flows"] as const;

export type ModuleName = (typeof MODULES)[number];
