import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";

export const main = resolve(import.meta.dirname, "../../runtime/cli/main.ts");

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The command line in a process of its own; killed with the test that started it. */
export class CommandLine {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  stdout = "";
  stderr = "";
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    const env = { PATH, NODE_COMPILE_CACHE, ...options.env };
    this.process = spawn(process.execPath, [main, ...args], { cwd: options.cwd, env });
    this.process.stdout!.setEncoding("utf8").on("data", (text: string) => this.#heard(() => (this.stdout += text)));
    this.process.stderr!.setEncoding("utf8").on("data", (text: string) => this.#heard(() => (this.stderr += text)));
    this.finished = new Promise((done) => {
      this.process.once("close", (code) => {
        done({ code, stdout: this.stdout, stderr: this.stderr });
        this.#heard(() => {});
      });
    });
    onTestFinished(() => void this.process.kill("SIGKILL"));
  }

  /** The first match in what it has printed, on either stream, as soon as it is there; fails when the process ends before. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match) return match;
      if (this.process.exitCode !== null && this.process.stdout!.closed) {
        throw new Error(`It ended without printing ${pattern}:\n${this.stdout}${this.stderr}`);
      }
      await new Promise<void>((heard) => this.#waiting.add(heard));
    }
  }

  async interrupt(): Promise<Finished> {
    this.process.kill("SIGINT");
    return await this.finished;
  }

  #heard(take: () => void): void {
    take();
    for (const heard of this.#waiting) heard();
    this.#waiting.clear();
  }
}

export async function run(...args: string[]): Promise<Finished> {
  return await new CommandLine(args).finished;
}

/** An empty folder, removed with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "hookline-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
