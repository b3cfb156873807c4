import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import express from "express";
import request from "supertest";
import { describe, expect, it, onTestFinished } from "vitest";
import type { HooklineError } from "../runtime/core/errors.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { ENCRYPTION_KEY } from "./fixtures/compose.ts";

const stopped = expect.objectContaining({ code: "stopped" });

function onOneFile(): Parameters<typeof createRuntime>[0] {
  const folder = mkdtempSync(join(tmpdir(), "hookline-runtime-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { store: `sqlite:${join(folder, "a.db")}`, connectors: [], encryptionKeys: [ENCRYPTION_KEY] };
}

describe("a runtime", () => {
  it("starts once the store that another one held is free", async () => {
    const options = onOneFile();
    await using first = createRuntime(options);
    await using second = createRuntime(options);
    await first.start();
    await expect(second.start()).rejects.toMatchObject({ code: "store_locked" });
    await expect(second.events.list()).rejects.toMatchObject({ code: "store_locked" });
    await first.stop(0);
    await second.start();
    expect(await second.events.list()).toEqual({ data: [], nextCursor: null });
  });

  it("that is stopped while it starts does not start, and leaves the store to the next", async () => {
    const options = onOneFile();
    const runtime = createRuntime(options);
    const started = runtime.start();
    await Promise.all([expect(started).rejects.toEqual(stopped), runtime.stop(0)]);
    await using next = createRuntime(options);
    await next.start();
  });

  it("that failed to start is not started, and can be started again", async () => {
    let broken = false;
    const now = () => {
      if (broken) throw new Error("no time");
      return Date.now();
    };
    await using runtime = createRuntime({ connectors: [], clock: { now }, apiKey: "key" });
    runtime.on("connection.active", () => {});
    await runtime.events.list();
    broken = true;
    await expect(runtime.start()).rejects.toThrow("no time");
    const answer = () => request(express().use(runtime.router)).get("/v1/events").set("authorization", "Bearer key");
    expect((await answer()).status).toBe(503);
    broken = false;
    await runtime.start();
    expect((await answer()).status).toBe(200);
  });

  it.each([Number.NaN, -1, "x", null, "SIGTERM"])("is not stopped with a grace of %s", async (grace) => {
    await using runtime = createRuntime({ connectors: [] });
    await runtime.start();
    await expect(runtime.stop(grace as number)).rejects.toThrow(
      new TypeError(
        `stop: graceMs is ${grace}; give milliseconds, 0 or more; as a signal's handler write () => runtime.stop()`,
      ),
    );
    expect(await runtime.events.list()).toMatchObject({ data: [] });
  });

  it("that is given a path without a manifest, or a connector twice, says where at its start", async () => {
    const runtime = createRuntime({
      connectors: ["./nowhere/manifest.json", "gmail", "connector/gmail/manifest.json"],
    });
    await expect(runtime.start()).rejects.toMatchObject({
      code: "invalid_config",
      faults: [
        {
          pointer: "/connectors/0",
          message: expect.stringMatching(/^Manifest .* does not exist; give its path from /) as string,
        },
        { pointer: "/connectors/2", message: '"gmail" is given twice; give each connector once' },
      ],
    });
  });

  it("that is given manifests with faults names those of all of them, by their places", async () => {
    const runtime = createRuntime({ connectors: [{ name: "Acme" }, "./connector/gmail", { name: "a", titel: "A" }] });
    const error: unknown = await runtime.start().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "invalid_manifest" });
    const said = (error as HooklineError).faults.map(
      ({ file = "", pointer, message }) => `${file}${pointer} ${message}`,
    );
    expect(said).toEqual(
      expect.arrayContaining([
        "/connectors/0/version is required",
        "./connector/gmail cannot be read (EISDIR); give the path of a manifest file",
        '/connectors/2/titel unknown property "titel"; did you mean "title"?',
      ]),
    );
  });

  it("takes nothing on once it was stopped", async () => {
    const runtime = createRuntime({ connectors: [] });
    await runtime.start();
    await Promise.all([runtime.stop(0), runtime.stop(0)]);
    await runtime.stop(0);
    expect(() => runtime.on("contact.created", () => {})).toThrow(stopped as never);
    await expect(runtime.events.list()).rejects.toEqual(stopped);
    await expect(runtime.start()).rejects.toEqual(stopped);
  });
});

describe("the handler of events", () => {
  it.each([
    ["two handlers", [() => {}, () => {}]],
    ["options that are null", [() => {}, null]],
    ["options before and after", [{ name: "a" }, () => {}, { name: "b" }]],
    ["a time limit that is text", [() => {}, { timeoutSeconds: "30" }]],
    ["an order that is text", [() => {}, { ordered: "no" }]],
  ])("is refused with %s", (_what, given) => {
    const runtime = createRuntime({ connectors: [] });
    expect(() => runtime.on("contact.created", ...(given as [() => void]))).toThrow(
      expect.objectContaining({ name: "TypeError", message: expect.stringMatching(/^on: /) }) as never,
    );
  });
});
