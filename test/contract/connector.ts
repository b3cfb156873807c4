import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatFault } from "../../runtime/core/errors.ts";
import { checkManifest } from "../../runtime/manifest/check.ts";
import { compileConnector, type CompiledAction } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import type { World } from "./world.ts";

export interface TriggerCase {
  /** What the subscriber chooses. */
  input?: Record<string, unknown> | ((world: World) => Record<string, unknown> | Promise<Record<string, unknown>>);
  /** Puts in place what will change, before anybody subscribes. */
  before?(world: World): Promise<unknown>;
  /** The change at the vendor that fires. */
  change(world: World): Promise<unknown>;
  /** A change that must not fire; default: the connector's own. */
  unrelated?(world: World): Promise<unknown>;
  /** Default: the connector's own. */
  open?(): Promise<World>;
}

export interface ActionCase {
  /** Default: the sample's input. */
  input?(world: World): unknown;
  /** Puts in place what the action needs. */
  before?(world: World): Promise<unknown>;
  /** Default: the connector's own. */
  open?(): Promise<World>;
}

/** What the contract needs to know of a connector: one case for each trigger, and one for each action whose sample alone will not do. */
export interface ConnectorCase {
  open(): Promise<World>;
  triggers: Record<string, TriggerCase>;
  actions?: Record<string, ActionCase>;
  /** A change at the vendor that concerns no trigger without a case of its own. */
  unrelated(world: World): Promise<unknown>;
}

/** What every connector promises, tried on the sandbox. Called at the top level of a test file, with the manifest's name. */
export async function describeConnector(name: string, subject: ConnectorCase): Promise<void> {
  const loaded = await loadManifest(name);
  const connector = compileConnector(loaded);
  const actions = [...connector.actions.values()];
  const triggers = [...connector.triggers.values()];

  describe(`the manifest of ${name}`, () => {
    it("is without faults", () => {
      expect(checkManifest(loaded).map(formatFault)).toEqual([]);
    });

    it("has a sample of every trigger and action", () => {
      const bare = [
        ...triggers.filter(({ definition }) => definition.sample === undefined),
        ...actions.filter(
          ({ definition: { sample } }) => sample?.input === undefined || !Object.hasOwn(sample, "output"),
        ),
      ];
      expect(bare.map((part) => part.name)).toEqual([]);
    });
  });

  describe(`a trigger of ${name}`, () => {
    it("has a case here", () => {
      expect(Object.keys(subject.triggers).toSorted()).toEqual(triggers.map((trigger) => trigger.name).toSorted());
    });

    it.each(Object.keys(subject.triggers))("fires for its change once, and for nothing else: %s", async (trigger) => {
      const { before, change, unrelated = subject.unrelated, input, open = subject.open } = subject.triggers[trigger]!;
      await using world = await open();
      await before?.(world);
      const subscription = await world.subscribe(trigger, typeof input === "function" ? await input(world) : input);
      await unrelated(world);
      expect(await world.poll(subscription), "after an unrelated change").toEqual([]);
      await change(world);
      const events = await world.poll(subscription);
      expect(events.length, "events after the change").toBeGreaterThan(0);
      for (const { type, data } of events) {
        expect(type).toBe(connector.triggers.get(trigger)!.event);
        expect(data).toMatchObject({ connector: name, trigger, resource: { id: expect.any(String) as string } });
      }
      expect(await world.poll(subscription), "after no change").toEqual([]);
    });
  });

  describe(`an action of ${name}`, () => {
    it.each(actions.map((action) => action.name))(
      "succeeds with its sample, and gives what it says: %s",
      async (action) => {
        const { before, input, open = subject.open } = subject.actions?.[action] ?? {};
        await using world = await open();
        await before?.(world);
        const given = input ? await input(world) : connector.actions.get(action)!.definition.sample!.input;
        await expect(world.run(action, given)).resolves.not.toBeUndefined();
      },
    );
  });

  describe(`before any call, ${name}`, () => {
    let world: World;
    let calls: () => string;
    beforeAll(async () => {
      world = await subject.open();
      calls = () => JSON.stringify(world.sandbox.requests);
    });
    afterAll(() => world[Symbol.asyncDispose]());

    it.each(
      actions.flatMap(({ name, definition }) =>
        requiredOf(definition.input).map((property) => [name, property] as const),
      ),
    )("refuses %s without %s", async (action, property) => {
      const before = calls();
      const { [property]: _, ...rest } = sampleInput(connector.actions.get(action)!);
      await expect(world.runtime.actions.run(world.connection, action, rest)).rejects.toMatchObject({
        code: "invalid_input",
        faults: expect.arrayContaining([{ pointer: `/${property}`, message: "is required" }]) as unknown,
      });
      expect(calls()).toBe(before);
    });

    it.each(actions.filter(({ definition }) => refusesUnknown(definition.input)).map((action) => action.name))(
      "refuses %s with a property nobody knows",
      async (action) => {
        const before = calls();
        const input = { ...sampleInput(connector.actions.get(action)!), unheardOf: 1 };
        await expect(world.runtime.actions.run(world.connection, action, input)).rejects.toMatchObject({
          code: "invalid_input",
          faults: expect.arrayContaining([expect.objectContaining({ pointer: "/unheardOf" }) as unknown]) as unknown,
        });
        expect(calls()).toBe(before);
      },
    );

    // What is sent as the connection that this one was derived from needs that one's scopes.
    const own = actions.filter((action) => action.as === undefined);
    it.each(own.flatMap(({ name, scopes }) => scopes.map((scope) => [name, [scope].flat().join(" or ")] as const)))(
      "says of %s that %s is missing",
      async (action, missing) => {
        const before = calls();
        await grantAllBut(world, missing.split(" or "));
        const input = sampleInput(connector.actions.get(action)!);
        await expect(world.runtime.actions.run(world.connection, action, input)).rejects.toMatchObject({
          code: "scope_missing",
          message: expect.stringContaining(
            `Action ${action} needs ${missing}, which connection ${world.connection} was not granted; ask for it: POST`,
          ) as unknown,
        });
        expect(calls()).toBe(before);
      },
    );

    it.each(
      triggers
        .filter(({ stream }) => connector.streams.get(stream)!.as === undefined)
        .flatMap(({ name, stream }) =>
          connector.streams.get(stream)!.scopes.map((scope) => [name, [scope].flat().join(" or ")] as const),
        ),
    )("refuses to subscribe to %s without %s", async (trigger, missing) => {
      const before = calls();
      await grantAllBut(world, missing.split(" or "));
      const { input } = subject.triggers[trigger]!;
      const given = typeof input === "function" ? await input(world) : input;
      await expect(
        world.runtime.subscriptions.create({ connection: world.connection, trigger, input: given }),
      ).rejects.toMatchObject({ code: "scope_missing", data: { scopes: [missing.split(" or ")[0]] } });
      expect(calls()).toBe(before);
    });
  });
}

function requiredOf(schema: Record<string, unknown> | undefined): string[] {
  return (schema?.["required"] ?? []) as string[];
}

function refusesUnknown(schema: Record<string, unknown> | undefined): boolean {
  return schema?.["additionalProperties"] === false;
}

function sampleInput(action: CompiledAction): Record<string, unknown> {
  return action.definition.sample!.input as Record<string, unknown>;
}

/** Makes the connection one that was granted everything but these scopes. */
async function grantAllBut({ runtime, connection, connector }: World, missing: readonly string[]): Promise<void> {
  const { authentication } = connector.manifest;
  const methods = "oneOf" in authentication ? authentication.oneOf : [authentication];
  const scopes = methods.flatMap((method) => ("scopes" in method ? Object.keys(method.scopes ?? {}) : []));
  const granted = scopes.filter((scope) => !missing.includes(scope));
  await runtime.db.run("update connections set scopes = ? where id = ?", [
    JSON.stringify(granted.length > 0 ? granted : ["none"]),
    connection,
  ]);
}
