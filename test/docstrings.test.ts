import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const runtime = resolve(import.meta.dirname, "../runtime");

/** Everything but the tools: the simulated vendors and the command line. */
const sources = readdirSync(runtime, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !/^(ui|sandbox|cli)\//.test(name))
  .map((name) => ({ name, text: readFileSync(join(runtime, name), "utf8") }));

const EXPORTED = /^export (?:async )?(?:function\*? (\w+)|const (\w+)(?:: [^=\n]+)? = (?:async )?(?:<[^\n]*>)?\()/gm;

/** Exported functions without a docstring right before them; the first of several signatures has it for all. */
function undocumented({ name, text }: (typeof sources)[number]): string[] {
  const documented = new Set<string>();
  return [...text.matchAll(EXPORTED)].flatMap(({ index, 1: declared, 2: assigned }) => {
    const exported = declared ?? assigned!;
    if (text.slice(0, index).trimEnd().endsWith("*/")) documented.add(exported);
    return documented.has(exported) ? [] : [`${name}: ${exported}`];
  });
}

/** Errors that a docstring names otherwise than by `@throws`. */
function otherNotation({ name, text }: (typeof sources)[number]): string[] {
  const docstrings = text.match(/\/\*\*[^]*?\*\//g) ?? [];
  return docstrings.filter((doc) => /\bThrows\b|[;,] throws `/.test(doc)).map((doc) => `${name}: ${doc}`);
}

describe("docstrings", () => {
  it("stand before every exported function", () => {
    expect(sources.flatMap(({ text }) => [...text.matchAll(EXPORTED)]).length).toBeGreaterThan(500);
    expect(sources.flatMap(undocumented)).toEqual([]);
  });

  it("name errors as @throws HooklineError `code`", () => {
    expect(sources.flatMap(otherNotation)).toEqual([]);
  });
});
