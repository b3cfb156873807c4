import { expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import { flows } from "../../runtime/flows/model/flows.ts";
import { createFlowTriggers } from "../../runtime/flows/subscribe.ts";
import { makeBench } from "./bench.ts";

/** What `apply` throws for a flow of one trigger when its subscription cannot be made because of this. */
const thrownFor = async (error: HooklineError): Promise<unknown> => {
  const { runtime, clock, connect, make } = await makeBench();
  const connection = await connect("u_1");
  const { id } = await make({
    triggers: [{ connection, trigger: "person_created" }],
    steps: [{ id: "a", delay: "PT1S" }],
  });
  const create = async () => {
    throw error;
  };
  const wiring = { ...runtime.wiring, create };
  const triggers = createFlowTriggers({ engine: runtime.engine, clock, wiring });
  return runtime.db
    .transaction(async (tx) => {
      const flow = (await flows.find(tx, id))!;
      await triggers.remove(tx, id);
      await triggers.apply(tx, flow, new Map([[0, connection]]));
    })
    .catch((thrown: unknown) => thrown);
};

it("a refused subscription is a fault at its trigger", async () => {
  const faults = [{ pointer: "/input/team", message: "must be a string, not a number" }];
  expect(await thrownFor(new HooklineError("invalid_input", "subscription/input/team", { faults }))).toMatchObject({
    code: "invalid_input",
    faults: [{ pointer: "/triggers/0/input/team", message: "must be a string, not a number" }],
  });
});

it("an error of the store stays what it is, so that its transaction can be tried again", async () => {
  const collision = new HooklineError("store_unusable", "other transactions changed the same rows", {
    cause: Object.assign(new Error("could not serialize access"), { code: "40001" }),
    retry: {},
  });
  expect(await thrownFor(collision)).toBe(collision);
});
