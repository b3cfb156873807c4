import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { nodeVersionProblem } from "../../runtime/core/node-version.ts";

const root = resolve(import.meta.dirname, "../..");

/** A Node of this machine that is too old for Hookline. */
const old = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/local/bin"]
  .map((folder) => join(folder, "node"))
  .filter((file) => existsSync(file))
  .map((file) => ({ file, version: execFileSync(file, ["-p", "process.versions.node"], { encoding: "utf8" }).trim() }))
  .find(({ version }) => nodeVersionProblem(version) !== undefined);

/** The sources as the build makes them, for a Node that does not strip types. */
async function built(): Promise<string> {
  await mkdir(join(root, ".hookline"), { recursive: true });
  const folder = await mkdtemp(join(root, ".hookline", "old-node-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const name of await readdir(join(root, "runtime"), { recursive: true })) {
    if (!name.endsWith(".ts")) continue;
    const source = stripTypeScriptTypes(await readFile(join(root, "runtime", name), "utf8"));
    const file = join(folder, "runtime", name.replace(/ts$/, "js"));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, source.replaceAll(/"(\.[^"]*)\.ts"/g, '"$1.js"'));
  }
  await symlink(join(root, "schemas"), join(folder, "schemas"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  return join(folder, "runtime");
}

describe("the version of Node", () => {
  it("is 24.12 at least", () => {
    for (const version of ["20.20.2", "23.99.0", "24.11.9"]) {
      expect(nodeVersionProblem(version)).toBe(
        `Hookline needs Node 24.12 or newer, and this is Node ${version}; install a newer one from https://nodejs.org`,
      );
    }
    for (const version of ["24.12.0", "24.21.0", "25.0.0"]) expect(nodeVersionProblem(version)).toBeUndefined();
  });

  it.skipIf(old === undefined)("is named in one sentence when it is too old", async () => {
    const { file, version } = old!;
    const runtime = await built();
    const run = promisify(execFile);
    const start = run(file, [join(runtime, "cli", "main.js"), "start"]);
    await expect(start).rejects.toMatchObject({ code: 2, stdout: "", stderr: `${nodeVersionProblem(version)}\n` });
    const code = `import(${JSON.stringify(join(runtime, "index.js"))}).catch(({ message }) => console.log(message))`;
    expect(await run(file, ["-e", code])).toMatchObject({ stdout: `${nodeVersionProblem(version)}\n` });
  });
});
