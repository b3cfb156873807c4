import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
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
