import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { makeApi } from "./compose.ts";
import type { OpenApi } from "./contract.ts";

describe("the description of the API", () => {
  it("has no complaint from the linter's recommended rules", async () => {
    const { must } = await makeApi();
    const folder = await mkdtemp(join(tmpdir(), "hookline-openapi-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "openapi.json"), JSON.stringify(await must("GET", "/openapi.json")));
    const redocly = resolve(import.meta.dirname, "../../node_modules/.bin/redocly");
    const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
    const { stdout } = await promisify(execFile)(redocly, ["lint", "openapi.json", "--format=json"], {
      cwd: folder,
      env,
    });
    expect((JSON.parse(stdout) as { totals: object }).totals).toEqual({ errors: 0, warnings: 0, ignored: 0 });
  });

  it("lists every route that is mounted, and mounts every route that it lists", async () => {
    const { must, ask } = await makeApi();
    const { paths } = (await must("GET", "/openapi.json")) as OpenApi;
    const described = Object.entries(paths).map(([path, operations]) => {
      const methods = Object.keys(operations).map((method) => method.toUpperCase());
      return [path, methods.includes("GET") ? [...methods, "HEAD"].sort() : methods.sort()] as const;
    });
    expect(described.length).toBeGreaterThan(35);
    // A method that no route has is refused with those that the path has.
    const mounted = described.map(async ([path]) => {
      const { status, headers } = await ask("OPTIONS", path.replaceAll(/[{}]/g, ""), { token: null });
      return [path, status === 405 ? headers.get("allow")!.split(", ").sort() : status];
    });
    expect(await Promise.all(mounted)).toEqual(described);
  });

  it("names the operations uniquely, and the address it is served at", async () => {
    const { must, url } = await makeApi();
    const { paths, servers, webhooks } = (await must("GET", "/openapi.json")) as OpenApi;
    const ids = Object.values(paths).flatMap((operations) =>
      Object.values(operations).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(servers).toEqual([{ url }]);
    expect(Object.keys(webhooks)).toEqual(["recordEvent", "operationalEvent"]);
  });

  it("is there before the runtime is started", async () => {
    const { ask } = await makeApi({ start: false });
    const { status, body } = await ask("GET", "/openapi.json", { token: null });
    expect([status, body.openapi]).toEqual([200, "3.1.0"]);
  });
});
