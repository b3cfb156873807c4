import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run, temporaryFolder } from "../cli/command-line.ts";
import { shopManifest, type Change } from "./shop.ts";

async function shopFile(change?: Change): Promise<string> {
  const file = join(await temporaryFolder(), "manifest.json");
  await writeFile(file, JSON.stringify(shopManifest(change)));
  return file;
}

describe("hookline test", () => {
  it("prints what passed, and what was left out and why, and ends with 0", async () => {
    const { code, stdout, stderr } = await run("test", await shopFile(), "--only", "order_created", "get_order");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^area +passed +failed +skipped\ntrigger order_created +1 +0 +0\naction get_order +6 +0 +1\n/,
    );
    expect(stdout).toContain(
      "skipped:\n- the action only reads\n    action get_order: a write that may have been done",
    );
    expect(stdout).toMatch(/\nshop: 7 passed, 0 failed, 1 skipped\n$/);
  });

  it("prints a table of the hostile servers that each stream has met", async () => {
    const { stdout } = await run("test", await shopFile(), "--only", "orders");
    const [title, line] = stdout
      .split("\n")
      .slice(stdout.split("\n").findIndex((one) => one.startsWith("hostile server")));
    expect(title).toBe(
      "hostile server  empty 200  no list  empty page  poison  large page  same page  refused   moved  merged  newest 1st  list fails",
    );
    expect(line).toBe(
      "stream orders      passed   passed      passed       –      passed     passed   passed       –       –      passed           –",
    );
    expect(stdout).toContain(
      "- records do not name the keys they had\n    stream orders: two records that become one\n",
    );
  });

  it("prints each finding with the cases it stands for, and ends with 1", async () => {
    const file = await shopFile((manifest) => (manifest.errors = []));
    const { code, stdout } = await run("test", file, "--only", "orders");
    expect(code).toBe(1);
    expect(stdout).toContain("failed:\n- no matcher of class cursorExpired applies to streams");
  });

  it("gives programs the report", async () => {
    const { code, stdout } = await run("test", await shopFile(), "--only", "get_order", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ manifest: "shop", passed: 6, failed: 0, skipped: 1 });
  });

  it("ends with 2 for a name that the manifest does not have", async () => {
    const { code, stderr } = await run("test", await shopFile(), "--only", "order");
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'only: the manifest has no "order"; did you mean "orders"? [invalid_input]\n',
    });
  });
});
