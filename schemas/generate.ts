/**
 * Writes the TypeScript types of every schema beside it: `node schemas/generate.ts`.
 * With `--check` nothing is written, and the exit code is 1 when a file is not what its schema says.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

type Schema = { [key: string]: unknown };

const here = new URL("./", import.meta.url);
const unions = ["anyOf", "oneOf"];
/** Without any of these a schema allows everything. */
const typeWords = ["type", "const", "enum", "$ref", "required"];
const annotations = new Set(["examples", "x-antiExamples", "$id", "$schema"]);

/** What the generator reads well: no annotations of ours, unions without the constraints that repeat their branches, described `$ref`s wrapped. */
function simplify(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(simplify);
  if (typeof value !== "object" || value === null) return value;
  const schema = value as Schema;
  const union = unions.find((name) => isUnionOfTypes(schema[name]));
  if (union) return { description: schema["description"], anyOf: simplify(schema[union]), ...inherited(schema) };
  if (typeof schema["$ref"] === "string" && schema["description"]) {
    return { description: schema["description"], allOf: [{ $ref: schema["$ref"] }] };
  }
  if (!typeWords.some((word) => word in schema)) return { description: schema["description"], tsType: "unknown" };
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, inner]) => !isAnnotation(key, inner) && !unions.includes(key))
      .map(([key, inner]) => [key, key === "properties" || key === "$defs" ? simplifyEach(inner as Schema) : simplify(inner)]),
  );
}

const simplifyEach = (schemas: Schema) => Object.fromEntries(Object.entries(schemas).map(([name, inner]) => [name, simplify(inner)]));

/** A property may be called "examples"; an annotation is never an object with a type. */
const isAnnotation = (key: string, inner: unknown) => annotations.has(key) && !(typeof inner === "object" && inner !== null && "type" in inner);

const isUnionOfTypes = (branches: unknown) =>
  Array.isArray(branches) && branches.some((branch: Schema) => "$ref" in branch || "type" in branch || "enum" in branch);

const inherited = (schema: Schema) => ({
  ...(schema["title"] ? { title: schema["title"] } : {}),
  ...(schema["$defs"] ? { $defs: simplifyEach(schema["$defs"] as Schema) } : {}),
});

/** File name → text of every generated file. */
export async function generate(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of (await readdir(here)).filter((file) => file.endsWith(".schema.json")).sort()) {
    const schema = JSON.parse(await readFile(new URL(name, here), "utf8")) as Schema;
    const text = await compile(simplify(schema) as never, String(schema["title"]), {
      bannerComment: `// Generated from ${name} by schemas/generate.ts; do not edit.`,
      additionalProperties: false,
      cwd: here.pathname,
      ignoreMinAndMaxItems: true,
      unknownAny: true,
      style: { printWidth: 120 },
    });
    files.set(name.replace(".schema.json", ".ts"), text);
  }
  return files;
}

/** Names of the generated files that are missing or differ from their schema. */
export async function stale(files: Map<string, string>): Promise<string[]> {
  const names: string[] = [];
  for (const [name, text] of files) {
    const found = await readFile(new URL(name, here), "utf8").catch(() => "");
    if (found !== text) names.push(name);
  }
  return names;
}

if (import.meta.main) {
  const files = await generate();
  const names = await stale(files);
  if (process.argv.includes("--check")) {
    for (const name of names) console.error(`schemas/${name} is stale: run node schemas/generate.ts`);
    process.exitCode = names.length > 0 ? 1 : 0;
  } else {
    for (const name of names) await writeFile(new URL(name, here), files.get(name)!);
  }
}
