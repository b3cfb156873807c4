import { HooklineError } from "./core/errors.ts";

/** What a runtime can do besides connecting, polling and delivering, in the order in which modules are opened. */
export const MODULES = ["act", "sync", "flows"] as const;

export type ModuleName = (typeof MODULES)[number];

const LOADERS = {
  act: async () => (await import("./act/module.ts")).actModule,
  sync: async () => (await import("./sync/module.ts")).syncModule,
  flows: async () => (await import("./flows/module.ts")).flowsModule,
} satisfies Record<ModuleName, () => Promise<unknown>>;

/** Modules by name; one that was left out is missing, and nothing of it was imported. */
export type LoadedModules = { [Name in ModuleName]?: Awaited<ReturnType<(typeof LOADERS)[Name]>> };

/**
 * Imports modules.
 * @throws HooklineError `invalid_config` when one requires another that is left out
 */
export async function loadModules(names: readonly ModuleName[]): Promise<LoadedModules> {
  const load = async <Name extends ModuleName>(name: Name, loader: () => Promise<LoadedModules[Name]>) =>
    names.includes(name) ? await loader() : undefined;
  const [act, sync, flows] = await Promise.all([
    load("act", LOADERS.act),
    load("sync", LOADERS.sync),
    load("flows", LOADERS.flows),
  ]);
  const modules: LoadedModules = { ...(act && { act }), ...(sync && { sync }), ...(flows && { flows }) };
  for (const { name, requires } of Object.values(modules)) {
    for (const required of requires.filter((one) => !(one in modules))) {
      throw new HooklineError("invalid_config", `modules: "${name}" needs "${required}"; add it, or leave both out`);
    }
  }
  return modules;
}
