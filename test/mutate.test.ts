import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { findConstants, mutated, mutationsOf } from "./mutate/constants.ts";
import { nearestTests } from "./mutate/nearest.ts";

const found = (text: string, others: Record<string, string> = {}) =>
  findConstants(new Map([["runtime/core/a.ts", text], ...Object.entries(others)]))
    .filter(({ file }) => file === "runtime/core/a.ts")
    .map(({ name, expression, value }) => [name, expression, value]);

/** Each text that a source becomes by one mutation. */
const changes = (text: string): string[] =>
  findConstants(new Map([["runtime/core/a.ts", text]]))
    .flatMap(mutationsOf)
    .map((mutation) => mutated(text, mutation));

describe("finding constants", () => {
  it("finds numbers and what is calculated from them, exported or not, at every depth", () => {
    expect(found("const MOST = 5;\nexport const KEPT: number = 2 ** 31 - 1;\n  const LOCK = 0x10;")).toEqual([
      ["MOST", "5", 5],
      ["KEPT", "2 ** 31 - 1", 2 ** 31 - 1],
      ["LOCK", "0x10", 16],
    ]);
  });

  it("finds what is made of constants that come later or from another file", () => {
    const others = { "runtime/core/z.ts": "export const MINUTE = 60_000;" };
    expect(found("const ALL_MS = 2 * PART_MS;\nconst PART_MS = MINUTE;", others)).toEqual([
      ["ALL_MS", "2 * PART_MS", 120_000],
      ["PART_MS", "MINUTE", 60_000],
    ]);
  });

  it("finds the members of flat objects and lists", () => {
    expect(
      found("const RETRY = { first: 1_000, on: RETRIED, spread: 0.2 };\nconst STEPS = [\n  1,\n  2 * 3,\n];"),
    ).toEqual([
      ["RETRY.first", "1_000", 1000],
      ["RETRY.spread", "0.2", 0.2],
      ["STEPS[0]", "1", 1],
      ["STEPS[1]", "2 * 3", 6],
    ]);
  });

  it("leaves other names, other values and aliases alone", () => {
    const text =
      'const most = 5;\nconst NAME = "5";\nconst SET = new Set([5]);\nconst ALSO = NAME;\nconst X = { a: { b: 5 } };';
    expect(found(text)).toEqual([]);
    expect(found("const BATCH = 5;\nconst SAME = BATCH;")).toEqual([["BATCH", "5", 5]]);
  });

  it("gives the line of each", () => {
    const constants = findConstants(new Map([["a/b.ts", "\nconst A = 1;\nconst B = [\n  7,\n];"]]));
    expect(constants.map(({ line }) => line)).toEqual([2, 4]);
  });
});

describe("choosing mutations", () => {
  it("makes a count one more and one less", () => {
    expect(changes("const MOST = 100;")).toEqual(["const MOST = (100) + 1;", "const MOST = (100) - 1;"]);
  });

  it("makes a larger number twice and half as large", () => {
    expect(changes("const MOST = 101;")).toEqual(["const MOST = (101) * 2;", "const MOST = Math.trunc((101) / 2);"]);
  });

  it.each(["WAIT_MS", "MIN_SECONDS", "LONGEST_BYTES", "MAX_LENGTH"])("takes %s as a size, however small", (name) => {
    expect(changes(`const ${name} = 6;`)).toEqual([`const ${name} = (6) * 2;`, `const ${name} = Math.trunc((6) / 2);`]);
  });

  it("makes a share twice and half as large, and keeps it a share", () => {
    expect(changes("const R = { spread: 0.2, longestMs: 4 };")).toEqual([
      "const R = { spread: (0.2) * 2, longestMs: 4 };",
      "const R = { spread: (0.2) / 2, longestMs: 4 };",
      "const R = { spread: 0.2, longestMs: (4) * 2 };",
      "const R = { spread: 0.2, longestMs: Math.trunc((4) / 2) };",
    ]);
  });
});

describe("choosing tests", () => {
  const files = new Map([
    ["runtime/poll/read.ts", ""],
    ["runtime/poll/poller.ts", 'import "./read.ts";'],
    ["test/poll/harness.ts", 'import "../../runtime/poll/poller.ts";'],
    ["test/poll/a.test.ts", ""],
    ["test/poll/far.test.ts", 'import "./harness.ts";'],
    ["test/poll/near.test.ts", 'import "../../runtime/poll/poller.ts";'],
    ["test/poll/read.test.ts", ""],
    ["test/sync/direct.test.ts", 'import "../../runtime/poll/read.ts";'],
    ["test/sync/poller.test.ts", 'import "../../runtime/poll/poller.ts";'],
    ["test/sync/other.test.ts", ""],
  ]);

  it("takes the namesake first, then by distance those of the room and those of others that import the file", () => {
    expect(nearestTests("runtime/poll/read.ts", files)).toEqual([
      "test/poll/read.test.ts",
      "test/sync/direct.test.ts",
      "test/poll/near.test.ts",
      "test/poll/far.test.ts",
      "test/poll/a.test.ts",
    ]);
  });

  it("looks farther into other rooms when the room has no test that imports the file", () => {
    const others = new Map([...files].filter(([file]) => !/poll\/(read|near)\.test/.test(file)));
    expect(nearestTests("runtime/poll/read.ts", others)).toEqual([
      "test/sync/direct.test.ts",
      "test/sync/poller.test.ts",
      "test/poll/far.test.ts",
      "test/poll/a.test.ts",
    ]);
  });

  it("takes at most three tests of other rooms", () => {
    const others = [1, 2, 3, 4].map((n) => [`test/act/${n}.test.ts`, 'import "../../runtime/poll/read.ts";'] as const);
    const tests = nearestTests("runtime/poll/read.ts", new Map([...files, ...others]));
    expect(tests.filter((test) => !test.startsWith("test/poll/"))).toHaveLength(3);
  });

  it("finds a test for every constant of the core", () => {
    const root = resolve(import.meta.dirname, "..");
    const paths = globSync("{runtime,test}/**/*.ts", { cwd: root });
    const all = new Map(paths.map((path) => [path, readFileSync(join(root, path), "utf8")]));
    const core = new Map([...all].filter(([path]) => path.startsWith("runtime/core/")));
    const constants = findConstants(core);
    expect(constants.length).toBeGreaterThan(20);
    expect(constants.filter(({ file }) => nearestTests(file, all).length === 0)).toEqual([]);
  });
});
