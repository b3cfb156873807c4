import { expect, it } from "vitest";
import { KeyedMutex } from "../../runtime/act/mutex.ts";

it("runs work of one key one after another, whatever became of the work before, and other keys beside it", async () => {
  const mutex = new KeyedMutex();
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const failing = mutex.run("a", async () => {
    order.push("a1");
    await first.promise;
    throw new Error("a1 failed");
  });
  const second = mutex.run("a", async () => {
    order.push("a2");
    return 2;
  });
  await mutex.run("b", async () => void order.push("b1"));
  expect(order).toEqual(["a1", "b1"]);
  first.resolve();
  await expect(failing).rejects.toThrow("a1 failed");
  expect(await second).toBe(2);
  expect(order).toEqual(["a1", "b1", "a2"]);
});
