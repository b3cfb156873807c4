import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { mutated, type Mutation } from "./constants.ts";

const NOT_COPIED = new Set(["node_modules", "dist", ".git", ".hookline"]);
/** A run that takes so many times as long as without the mutation hangs. */
const PATIENCE = 5;
const SHORTEST_PATIENCE_MS = 60_000;
/** How long a run that is stopped may clean up. */
const GRACE_MS = 5_000;

/** A copy of the repository in which tests run. */
export class Copy {
  /** Test files that fail without a mutation: they prove nothing. */
  readonly broken: string[] = [];
  readonly #root: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "hookline-mutate-"));
  /** Milliseconds that each test file takes without a mutation. */
  readonly #durations = new Map<string, number>();
  #child: ChildProcess | undefined;
  #isStopped = false;

  constructor(root: string) {
    this.#root = root;
    const filter = (path: string): boolean => !NOT_COPIED.has(relative(root, path));
    cpSync(root, this.#folder, { recursive: true, filter });
    symlinkSync(join(root, "node_modules"), join(this.#folder, "node_modules"));
    // PostgreSQL, which may run as another user, has its data there.
    chmodSync(this.#folder, 0o755);
    mkdirSync(join(this.#folder, "tmp"));
  }

  /** The tests that ran when none noticed the mutation, undefined when one did. The first of them runs alone first. */
  async survives(mutation: Mutation, tests: readonly string[]): Promise<string[] | undefined> {
    const ran: string[] = [];
    for (const group of [tests.slice(0, 1), tests.slice(1)]) {
      const sound = await this.#sound(group);
      if (sound.length > 0 && !(await this.#passesWith(mutation, sound))) return undefined;
      ran.push(...sound);
    }
    return ran;
  }

  /** Those of some test files that pass without a mutation. */
  async #sound(tests: readonly string[]): Promise<string[]> {
    for (const test of tests.filter((test) => !this.#durations.has(test))) {
      const begin = performance.now();
      if (!(await this.#passes([test]))) this.broken.push(test);
      this.#durations.set(test, performance.now() - begin);
    }
    return tests.filter((test) => !this.broken.includes(test));
  }

  async #passesWith(mutation: Mutation, tests: readonly string[]): Promise<boolean> {
    const path = join(this.#folder, mutation.file);
    const text = readFileSync(path, "utf8");
    const usual = tests.reduce((sum, test) => sum + this.#durations.get(test)!, 0);
    writeFileSync(path, mutated(text, mutation));
    const timer = setTimeout(() => void this.#end(), Math.max(PATIENCE * usual, SHORTEST_PATIENCE_MS));
    try {
      return await this.#passes(tests);
    } finally {
      clearTimeout(timer);
      writeFileSync(path, text);
    }
  }

  async #passes(tests: readonly string[]): Promise<boolean> {
    if (this.#isStopped) return false;
    const vitest = join(this.#root, "node_modules/vitest/vitest.mjs");
    this.#child = spawn(process.execPath, [vitest, "run", "--bail", "1", ...tests], {
      cwd: this.#folder,
      stdio: "ignore",
      env: { ...process.env, TMPDIR: join(this.#folder, "tmp") },
      // A group of its own: a run that hangs ends with all the processes that it started.
      detached: true,
    });
    const [code] = await once(this.#child, "exit");
    return code === 0;
  }

  /** Ends the run with all its processes, and lets no other begin. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#end();
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    signal(child, "SIGTERM");
    const timer = setTimeout(() => signal(child, "SIGKILL"), GRACE_MS);
    await exit;
    clearTimeout(timer);
    signal(child, "SIGKILL");
  }

  /** Deletes it. */
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** To the group of a process; it may be gone. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    process.kill(-pid!, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
