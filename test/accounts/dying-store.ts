import type { Database } from "../../runtime/store/database.ts";

/** When the process that uses a store dies: with its n-th commit from now, before it or after it. */
export interface Death {
  commit: number;
  when: "before" | "after";
}

/**
 * A store as a process sees it that dies: from then on it neither reads nor writes, whatever it goes on to do. `commits` counts the
 * commits of the process since its death was last set.
 */
export function dyingStore(store: Database) {
  const life = { commits: 0, isDead: false, death: undefined as Death | undefined };
  const alive = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      if (life.isDead) throw new Error("The process has died");
      return call(...args);
    };
  };
  const commits = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    alive(async (...args: Args): Promise<Result> => {
      const isLast = ++life.commits === life.death?.commit;
      if (isLast && life.death!.when === "before") life.isDead = true;
      if (life.isDead) throw new Error("The process has died");
      const result = await call(...args);
      if (isLast) life.isDead = true;
      if (life.isDead) throw new Error("The process has died");
      return result;
    });
  const db: Database = {
    dialect: store.dialect,
    all: alive((...args) => store.all(...args)) as Database["all"],
    get: alive((...args) => store.get(...args)) as Database["get"],
    run: commits((...args) => store.run(...args)),
    many: commits((...args) => store.many(...args)),
    oneOf: (column) => store.oneOf(column),
    transaction: commits((work) => store.transaction(work)) as Database["transaction"],
    relaxed: commits((work) => store.relaxed(work)) as Database["relaxed"],
    shred: () => store.shred(),
    close: () => store.close(),
  };
  return {
    db,
    life,
    /** Lets the process die so, counted from now. */
    dieAt: (death: Death) => Object.assign(life, { commits: 0, isDead: false, death }),
  };
}
