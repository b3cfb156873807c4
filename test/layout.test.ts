import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { importsOf } from "./fixtures/imports.ts";

const root = resolve(import.meta.dirname, "..");
const runtime = join(root, "runtime");

/** From the top down; a room may import any room of a later rank, and its own. */
const ranks: string[][] = [
  ["cli"],
  ["index", "testing"],
  ["runtime"],
  ["library"],
  ["library-arguments"],
  ["compose"],
  ["options", "connectors"],
  ["option-faults"],
  ["modules"],
  ["http"],
  ["flows"],
  ["sync"],
  ["poll", "act"],
  ["deliver", "read"],
  ["accounts"],
  ["vendor"],
  ["engine"],
  ["model"],
  ["store"],
  ["manifest"],
  ["webhook"],
  ["core"],
];
const rankOf = new Map(ranks.flatMap((rooms, rank) => rooms.map((room) => [room, rank] as const)));

function roomOf(file: string): string {
  return relative(runtime, file)
    .split("/")[0]!
    .replace(/\.tsx?$/, "");
}

function imports(): { from: string; to: string; file: string; target: string }[] {
  return readdirSync(runtime, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.startsWith("ui/"))
    .flatMap((name) => {
      const file = join(runtime, name);
      return importsOf(file, readFileSync(file, "utf8"))
        .filter((target) => target.startsWith(runtime))
        .map((target) => ({ from: roomOf(file), to: roomOf(target), file: name, target: relative(runtime, target) }));
    });
}

/** Files that import each other in a circle, each circle once, as a path that ends where it begins. */
function circles(): string[] {
  const targets = new Map<string, string[]>();
  for (const { file, target } of imports()) targets.set(file, [...(targets.get(file) ?? []), target]);
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) found.push([...path.slice(at), file].join(" → "));
    if (at >= 0 || done.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of targets.keys()) visit(file, []);
  return found;
}

describe("the layout", () => {
  it("has no files that import each other in a circle", () => {
    expect(circles()).toEqual([]);
  });

  it("has imports that go strictly downwards", () => {
    const found = imports();
    expect(found.length).toBeGreaterThan(50);
    const wrong = found.filter(({ from, to }) => {
      if (from === to) return false;
      if (from === "sandbox") return to !== "core";
      if (to === "sandbox" || to === "ui") return from !== "cli" && from !== "http";
      return !(rankOf.get(from)! < rankOf.get(to)!);
    });
    expect(wrong).toEqual([]);
  });

  it("has no room that the architecture does not name", () => {
    const rooms = new Set(imports().flatMap(({ from, to }) => [from, to]));
    const known = new Set([...rankOf.keys(), "sandbox", "ui"]);
    expect([...rooms].filter((room) => !known.has(room))).toEqual([]);
  });

  it("keeps the top level to what the architecture gives it", () => {
    const allowed = new Set(["connector", "schemas", "runtime", "test", "package.json", "package-lock.json"]);
    for (const name of ["tsconfig.json", "tsconfig.build.json", "vitest.config.ts", "knip.json", "README.md"])
      allowed.add(name);
    for (const name of ["LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "node_modules", "dist"])
      allowed.add(name);
    const found = readdirSync(root).filter((name) => !name.startsWith(".") && !/\.db(-\w+|\.lock.*)?$/.test(name));
    expect(found.filter((name) => !allowed.has(name))).toEqual([]);
  });
});
