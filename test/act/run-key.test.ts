import { expect, it } from "vitest";
import { runKey } from "../../runtime/act/run-key.ts";

it("a run's key is 32 characters of base32hex, and another for each run", () => {
  const keys = Array.from({ length: 200 }, () => runKey("con_1", "create_event", undefined));
  for (const key of keys) expect(key).toMatch(/^[0-9a-v]{32}$/);
  expect(new Set(keys).size).toBe(200);
  expect(new Set(keys.join("")).size).toBe(32);
});

it("runs with one idempotency key have one run key, for one action of one connection", () => {
  const key = runKey("con_1", "create_event", "order-17");
  expect(runKey("con_1", "create_event", "order-17")).toBe(key);
  const others = [
    runKey("con_2", "create_event", "order-17"),
    runKey("con_1", "quick_add_event", "order-17"),
    runKey("con_1", "create_event", "order-18"),
  ];
  expect(new Set([key, ...others]).size).toBe(4);
});
