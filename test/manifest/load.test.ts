import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { checkManifest } from "../../runtime/manifest/check.ts";
import { builtInConnectors, loadManifest, packageRoot } from "../../runtime/manifest/load.ts";
import { compileSchema } from "../../runtime/manifest/validate.ts";
import { acme, type Loose } from "./acme.ts";

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

/** A connector's folder of files; the path of its manifest. */
function connector(files: Record<string, unknown>): string {
  const folder = mkdtempSync(join(tmpdir(), "hookline-"));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, "acme", name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  }
  return join(folder, "acme", "manifest.json");
}

const refusal = (manifest: object, files: object = {}) =>
  loadManifest(connector({ "manifest.json": manifest, ...files })).then(
    () => "loaded",
    (error: unknown) => error,
  );

describe("the loader", () => {
  it("puts the parts of a manifest together", async () => {
    const { triggers, actions, ...rest } = acme();
    const file = connector({
      "manifest.json": {
        ...rest,
        triggers: { $ref: "parts/more.json#/triggers" },
        actions: { $ref: "parts/more.json#/actions" },
      },
      "parts/more.json": { triggers, actions: { ...actions, get_contact: { $ref: "get.json", title: "Other" } } },
      "parts/get.json": actions.get_contact,
    });
    const { manifest } = await loadManifest(file);
    expect(manifest).toEqual({
      ...acme(),
      actions: { ...actions, get_contact: { ...actions.get_contact, title: "Other" } },
    });
  });

  it("names the file in which a fault stands", async () => {
    const manifest = acme();
    const file = connector({
      "manifest.json": { ...manifest, triggers: { $ref: "more.json#/a~1b" } },
      "more.json": { "a/b": { contact_created: { ...manifest.triggers.contact_created, stream: "contcats" } } },
    });
    expect(checkManifest(await loadManifest(file))).toEqual([
      {
        file: join("acme", "more.json"),
        pointer: "/a~1b/contact_created/stream",
        message: 'there is no stream "contcats"; did you mean "contacts"?',
      },
    ]);
  });

  it("bundles JSON Schemas with their recursion into $defs", async () => {
    const manifest = acme() as Loose;
    manifest["streams"].contacts.schema = { $ref: "schemas/person.json#/$defs/person" };
    const file = connector({
      "manifest.json": manifest,
      "schemas/person.json": {
        $defs: {
          person: {
            type: "object",
            required: ["id"],
            properties: {
              id: { $ref: "common.json#/id" },
              friends: { type: "array", items: { $ref: "#/$defs/person" } },
              boss: { $ref: "#/$defs/boss" },
            },
          },
          boss: { $ref: "#/$defs/person" },
        },
      },
      "schemas/common.json": { id: { type: "string" } },
    });
    const loaded = await loadManifest(file);
    const { schema } = loaded.manifest.streams!["contacts"]!;
    expect(schema).toMatchObject({
      properties: { id: { $ref: "#/$defs/id" }, friends: { items: { $ref: "#" } }, boss: { $ref: "#/$defs/boss" } },
      $defs: { id: { type: "string" }, boss: { $ref: "#" } },
    });
    expect(compileSchema(schema!)({ id: "1", friends: [{ id: 2 }] })).toEqual([
      { pointer: "/friends/0/id", message: "must be a string, not a number" },
    ]);
    expect(checkManifest(loaded)).toEqual([]);
  });

  it("lets a connector refer to the package's own schemas", async () => {
    const manifest = acme() as Loose;
    const own = join("..", "..", "schemas", "contact.schema.json");
    manifest["actions"].get_contact.output = { $ref: own };
    const loaded = await loadManifest(manifest, { cwd: join(packageRoot(), "connector", "acme") });
    const { output } = loaded.manifest.actions!["get_contact"]!;
    expect(compileSchema(output!)({ type: "contact" })).toEqual([{ pointer: "/id", message: "is required" }]);
  });

  it.each([
    ["outside the folder", "../other.json", /leads out of the connector's folder/],
    ["an absolute path", "/etc/passwd", /must be a relative path/],
    ["the network", "https://example.com/x.json", /must be a relative path/],
    ["a file that is not there", "none.json", /names a file that does not exist/],
    ["nothing in a file", "part.json#/none", /points to nothing; part.json has no \/none/],
    ["no pointer", "part.json#none", /needs a JSON Pointer/],
    ["itself", "loop.json", /leads back to itself/],
    ["no JSON", "broken.json", /is not valid JSON/],
  ])("refuses a $ref to %s", async (_, $ref, message) => {
    const error = await refusal(
      { ...acme(), triggers: { $ref } },
      { "part.json": {}, "loop.json": { x: { $ref: "loop.json" } }, "broken.json": "{" },
    );
    expect(error).toMatchObject({ code: "invalid_manifest", message: expect.stringMatching(message) });
  });

  it("reports every $ref that leads nowhere at once", async () => {
    const error = await refusal({ ...acme(), triggers: { $ref: "a.json" }, actions: { $ref: "b.json" } });
    expect(error).toMatchObject({
      code: "invalid_manifest",
      faults: [{ pointer: "/triggers" }, { pointer: "/actions" }],
    });
  });

  it("does not change the object it is given", async () => {
    const manifest = acme();
    const loaded = await loadManifest(manifest);
    expect(loaded.manifest).toEqual(acme());
    expect(loaded.manifest.streams).not.toBe(manifest.streams);
    expect(loaded.file).toBeUndefined();
  });

  it("finds built-in connectors by name, and names the nearest for another", async () => {
    const names = builtInConnectors();
    for (const name of names) expect((await loadManifest(name)).manifest.name).toBe(name);
    expect(await loadManifest(names[0]!)).toBe(await loadManifest(names[0]!));
    await expect(loadManifest("google-contcats")).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringMatching(/^Connector "google-contcats" does not exist; /),
    });
    await expect(loadManifest("./none/manifest.json")).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringMatching(/ does not exist; give its path/),
    });
  });
});
