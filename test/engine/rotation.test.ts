import { describe, expect, it } from "vitest";
import { Rotation } from "../../runtime/engine/rotation.ts";

describe("the rotation of groups", () => {
  it("gives each offered group its turn, once", () => {
    const rotation = new Rotation(2);
    for (const group of ["a", "b", "a"]) rotation.offer(group);
    expect(rotation.size).toBe(2);
    expect(rotation.next()).toEqual({ group: "a", free: 2 });
    rotation.offer("a");
    expect(rotation.next()).toEqual({ group: "b", free: 2 });
    expect(rotation.next()).toEqual({ group: "a", free: 2 });
    expect(rotation.next()).toBeUndefined();
  });

  it("keeps a group without free slots out until one is given back", () => {
    const rotation = new Rotation(2);
    rotation.take("a");
    rotation.take("a");
    rotation.offer("a");
    expect(rotation.next()).toBeUndefined();
    rotation.give("a");
    expect(rotation.next()).toEqual({ group: "a", free: 1 });
  });

  it("does not bring back a group that nobody offered", () => {
    const rotation = new Rotation(1);
    rotation.take("a");
    rotation.give("a");
    expect(rotation.next()).toBeUndefined();
  });
});
