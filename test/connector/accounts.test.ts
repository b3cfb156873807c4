import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { manifestAdvice } from "../../runtime/manifest/advice.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";

const connectors = readdirSync(join(import.meta.dirname, "../../connector"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

describe.each(connectors)("%s", (name) => {
  it("says what proves an account behind OAuth", async () => {
    expect(manifestAdvice(await loadManifest(name))).toEqual([]);
  });
});
