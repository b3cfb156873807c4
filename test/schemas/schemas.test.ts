import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { generate, stale } from "../../schemas/generate.ts";
import { isObject, joinPointer } from "../../runtime/core/json.ts";

type Schema = Record<string, unknown>;
interface Part {
  pointer: string;
  schema: Schema;
  isProperty: boolean;
}

const folder = new URL("../../schemas/", import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith(".schema.json"));

/** Every schema inside a schema: properties, definitions, items, branches. */
function* parts(schema: unknown, pointer = "", isProperty = false): Generator<Part> {
  if (!isObject(schema)) return;
  yield { pointer, schema, isProperty };
  for (const key of ["properties", "$defs"]) {
    for (const [name, inner] of Object.entries((schema[key] ?? {}) as Schema)) {
      yield* parts(inner, joinPointer(joinPointer(pointer, key), name), key === "properties");
    }
  }
  for (const key of ["items", "additionalProperties", "propertyNames"])
    yield* parts(schema[key], joinPointer(pointer, key));
  for (const key of ["anyOf", "oneOf"]) {
    for (const [i, inner] of ((schema[key] ?? []) as unknown[]).entries())
      yield* parts(inner, `${pointer}/${key}/${i}`);
  }
}

describe.each(files)("%s", (file) => {
  const schema = JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Schema;
  const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true });
  formats.default(ajv);
  ajv.addKeyword("x-antiExamples");
  ajv.addSchema(schema);
  const all = [...parts(schema)];
  const validatorAt = (pointer: string) => ajv.getSchema(`${String(schema["$id"])}#${pointer}`)!;
  const definition = (part: Schema) =>
    typeof part["$ref"] === "string" ? all.find(({ pointer }) => `#${pointer}` === part["$ref"])!.schema : part;

  it("describes every property and gives examples of it", () => {
    const bare = all.filter(({ schema: part, isProperty }) => {
      const { description, examples } = { ...definition(part), ...part };
      return isProperty && !(description && Array.isArray(examples) && examples.length > 0);
    });
    expect(bare.map(({ pointer }) => pointer)).toEqual([]);
  });

  it("accepts its own examples", () => {
    for (const { pointer, schema: part } of all) {
      for (const example of (part["examples"] ?? []) as unknown[]) {
        const validate = validatorAt(pointer);
        expect(validate(example), `${pointer} ${JSON.stringify(example)}: ${ajv.errorsText(validate.errors)}`).toBe(
          true,
        );
      }
    }
  });

  it("refuses its own anti-examples, each with a reason", () => {
    const bad = all.flatMap(({ pointer, schema: part }) =>
      ((part["x-antiExamples"] ?? []) as { example: unknown; reason: string }[]).map((anti) => ({ pointer, ...anti })),
    );
    expect(bad.length).toBeGreaterThan(0);
    for (const { pointer, example, reason } of bad) {
      expect(reason.length).toBeGreaterThan(3);
      expect(validatorAt(pointer)(example), `${pointer} ${JSON.stringify(example)}`).toBe(false);
    }
  });

  it("closes every object, or says that it is open", () => {
    const undecided = all.filter(
      ({ schema: part }) =>
        part["type"] === "object" && !("additionalProperties" in part) && !part["anyOf"] && !part["oneOf"],
    );
    expect(undecided.map(({ pointer }) => pointer)).toEqual([]);
  });
});

describe("the generated types", () => {
  it("are what the schemas say", async () => {
    const generated = await generate();
    expect([...generated.keys()]).toEqual(files.map((file) => file.replace(".schema.json", ".ts")).sort());
    expect(await stale(generated)).toEqual([]);
  });

  it("are reported when they differ", async () => {
    expect(await stale(new Map([["contact.ts", "export {};"]]))).toEqual(["contact.ts"]);
  });
});
