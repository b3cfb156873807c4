import type { Fault } from "./core/errors.ts";

/** What a runtime can do besides connecting, polling and delivering, in the order in which modules are opened. */
export const MODULES = ["act", "sync", "flows"] as const;

export type ModuleName = (typeof MODULES)[number];

/** The modules whose services another needs. Here, so that nothing has to be imported to find out that one is missing. */
const REQUIRED = new Map<unknown, readonly ModuleName[]>([
  ["sync", ["act"]],
  ["flows", ["act"]],
]);

const LOADERS = {
  act: async () => (await import("./act/module.ts")).actModule,
  sync: async () => (await import("./sync/module.ts")).syncModule,
  flows: async () => (await import("./flows/module.ts")).flowsModule,
} satisfies Record<ModuleName, () => Promise<unknown>>;

/** Modules by name; one that was left out is missing, and nothing of it was imported. */
export type LoadedModules = { [Name in ModuleName]?: Awaited<ReturnType<(typeof LOADERS)[Name]>> };

/** Modules that need another which is left out; names of none are looked at elsewhere. */
export function moduleFaults(names: readonly unknown[]): Fault[] {
  return names.flatMap((name, index) =>
    (REQUIRED.get(name) ?? [])
      .filter((required) => !names.includes(required))
      .map((required) => ({
        pointer: `/modules/${index}`,
        message: `"${String(name)}" needs "${required}"; add it, or leave both out`,
      })),
  );
}

/** Imports modules. */
export async function loadModules(names: readonly ModuleName[]): Promise<LoadedModules> {
  const load = async <Name extends ModuleName>(name: Name, loader: () => Promise<LoadedModules[Name]>) =>
    names.includes(name) ? await loader() : undefined;
  const [act, sync, flows] = await Promise.all([
    load("act", LOADERS.act),
    load("sync", LOADERS.sync),
    load("flows", LOADERS.flows),
  ]);
  return { ...(act && { act }), ...(sync && { sync }), ...(flows && { flows }) };
}
