import { existsSync } from "node:fs";
import { HooklineError } from "../core/errors.ts";
import { createLog } from "../core/log.ts";
import { PostgresJobTable } from "../engine/postgres-table.ts";
import { waitingJobs } from "../engine/sqlite-table.ts";
import { loadModules, MODULES } from "../modules.ts";
import {
  countRows,
  listTables,
  raiseSerials,
  readTable,
  Sum,
  writeRows,
  type Content,
  type Table,
} from "../store/copy.ts";
import type { Database, Sql, Tx } from "../store/database.ts";
import {
  migrate,
  migrateModule,
  MODULE_PLACE,
  moduleVersion,
  schemaVersion,
  type ModuleTables,
} from "../store/migrate.ts";
import { openDatabase } from "../store/open.ts";
import { migrations } from "../store/schema.ts";

export interface MoveOptions {
  /** A SQLite file that no process uses. */
  from: string;
  /** A PostgreSQL database without anything of Hookline in it. */
  to: string;
  /** Rows copied and verified so far, of how many. */
  onProgress?: (done: number, total: number) => void;
}

/** What was carried over, jobs among them, by table. */
export type Moved = Record<string, Content>;

const JOBS = "jobs";
const JOBS_PAGE = 500;

/**
 * Carries a service from SQLite to PostgreSQL: every table, those of modules too, and the jobs into the queues. All of it is one transaction, in
 * which the target is read again and compared by counts and hashes: the target has everything, or what it had before. The
 * source stays locked meanwhile and is as it was afterwards.
 *
 * @throws HooklineError `invalid_config` for other locations, `conflict` for a target that is not empty, `store_locked` while a process
 * uses the source, `store_unusable` for a source of another version, and when what arrived is not what was sent.
 */
export async function moveStore({ from, to, onProgress = () => {} }: MoveOptions): Promise<Moved> {
  const file = /^sqlite:(?!:memory:)(.+)$/.exec(from)?.[1];
  if (file === undefined) throw invalid("--from", "names no file; write sqlite:./hookline.db");
  if (!existsSync(file)) throw invalid("--from", `${file} does not exist; name the file of the service`);
  if (!/^postgres(ql)?:/.test(to))
    throw invalid("--to", "names no PostgreSQL database; write postgres://user@host/name");
  const log = createLog({ level: "warn", destination: process.stderr });
  await using source = closing(await openDatabase(from, { log }));
  await using target = closing(await openDatabase(to, { log }));
  const modules = await assertSameVersion(source.db, from);
  const tables = await listTables(source.db);
  // Before anything of another service is touched.
  await assertEmpty(target.db, tables);
  await migrate(target.db, log);
  for (const module of modules) await migrateModule(target.db, log, module);
  const jobs = new PostgresJobTable(target.db, log);
  await jobs.open();
  const move = new Move(source.db, tables, jobs, onProgress);
  await move.count();
  return target.db.transaction((tx) => move.run(tx));
}

class Move {
  readonly #source: Database;
  readonly #tables: readonly Table[];
  readonly #jobTable: PostgresJobTable;
  readonly #onProgress: (done: number, total: number) => void;
  #done = 0;
  #total = 0;

  constructor(
    source: Database,
    tables: readonly Table[],
    jobTable: PostgresJobTable,
    onProgress: (done: number, total: number) => void,
  ) {
    this.#source = source;
    this.#tables = tables;
    this.#jobTable = jobTable;
    this.#onProgress = onProgress;
  }

  async count(): Promise<void> {
    for (const table of [...this.#tables, { name: JOBS }]) this.#total += 2 * (await countRows(this.#source, table));
  }

  async run(tx: Tx): Promise<Moved> {
    this.#done = 0;
    await assertEmpty(tx, this.#tables);
    // The same come with the source.
    await tx.run("delete from meta where name like ?", [`${MODULE_PLACE}%`]);
    const moved: Moved = {};
    for (const table of this.#tables) {
      const sent = await readTable(this.#source, table, async (rows) => {
        await writeRows(tx, table, rows);
        this.#progress(rows.length);
      });
      const arrived = await readTable(tx, table, (rows) => this.#progress(rows.length));
      moved[table.name] = same(table.name, sent, arrived);
    }
    await raiseSerials(tx);
    moved[JOBS] = await this.#jobs(tx);
    return moved;
  }

  async #jobs(tx: Tx): Promise<Content> {
    const sent = new Sum();
    for (let last = 0; ;) {
      const jobs = await waitingJobs(this.#source, last, JOBS_PAGE);
      await this.#jobTable.enqueue(tx, jobs, Date.now());
      for (const { queue, group, key = null, data } of jobs) sent.add([queue, group, key, data]);
      this.#progress(jobs.length);
      if (jobs.length < JOBS_PAGE) break;
      last = jobs.at(-1)!.id;
    }
    const arrived = new Sum();
    for (const { queue, group, key, data } of await this.#jobTable.waiting(tx)) arrived.add([queue, group, key, data]);
    this.#progress(arrived.content.rows);
    return same(JOBS, sent.content, arrived.content);
  }

  #progress(rows: number): void {
    this.#onProgress((this.#done += rows), this.#total);
  }
}

function same(table: string, sent: Content, arrived: Content): Content {
  if (sent.rows === arrived.rows && sent.hash === arrived.hash) return arrived;
  const message = `move: ${sent.rows} rows of ${table} were sent, and ${arrived.rows} arrived or their content differs; the target was rolled back, the source is unchanged`;
  throw new HooklineError("store_unusable", message, { data: { table, sent, arrived } });
}

/** Returns the modules that the source has tables of. */
async function assertSameVersion(source: Database, from: string): Promise<ModuleTables[]> {
  const assertVersion = (what: string, found: number, known: number): void => {
    if (found === known) return;
    const message = `move: ${what} has schema version ${found}, this Hookline has ${known}; run hookline migrate --store ${from} first`;
    throw new HooklineError("store_unusable", message, { data: { found, known } });
  };
  assertVersion("the source", await schemaVersion(source), migrations.length);
  const there: ModuleTables[] = [];
  for (const module of Object.values(await loadModules(MODULES))) {
    const version = await moduleVersion(source, module);
    if (version === 0) continue;
    assertVersion(`the source's module ${module.name}`, version, module.tables.length);
    there.push(module);
  }
  return there;
}

async function assertEmpty(target: Database | Tx, tables: readonly Table[]): Promise<void> {
  for (const table of tables) {
    const found = await target.get<{ name: string | null }>("select to_regclass(?)::text as name", [table.name]);
    if (found!.name === null) continue;
    const all = await countRows(target, table);
    const rows = table.name === "meta" ? all - (await countModules(target)) : all;
    if (rows === 0) continue;
    const message = `move: the target is not empty, its table ${table.name} has ${rows} rows; give it a database of its own`;
    throw new HooklineError("conflict", message, { data: { table: table.name, rows } });
  }
}

/** A target that was only migrated is empty: it has nothing but the versions of modules. */
async function countModules(target: Sql): Promise<number> {
  const place = `${MODULE_PLACE}%`;
  return (await target.get<{ rows: number }>("select count(*) as rows from meta where name like ?", [place]))!.rows;
}

function closing(db: Database): AsyncDisposable & { db: Database } {
  return { db, [Symbol.asyncDispose]: () => db.close() };
}

function invalid(option: string, what: string): HooklineError {
  return new HooklineError("invalid_config", `move: ${option} ${what}`);
}
