/** Authorizations that nobody came back from. */
import { expect, it, onTestFinished } from "vitest";
import { compose } from "../../runtime/compose.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import { oauthStates } from "../../runtime/model/oauth-states.ts";
import { SESSION } from "../fixtures/browser.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { until } from "../fixtures/wait.ts";
import { keepInStep, storeOfTest } from "../postgres.ts";

const MINUTE = 60_000;

it("are deleted once each has ended, and nothing is looked for while there are none", async () => {
  const clock = new ManualClock(Date.now());
  const clients = { "google-contacts": { clientId: "client-1", clientSecret: "secret-1" } };
  const runtime = await compose(
    composeOptions({ store: await storeOfTest(), connectors: ["google-contacts"], clients, clock }),
  );
  const engine = runtime.engine as JobEngine;
  keepInStep(runtime.db, engine, clock);
  onTestFinished(async () => {
    await engine.stop();
    await runtime.close();
  });
  const begin = () => runtime.accounts.create({ connector: "google-contacts", user: "u_1" }, {}, SESSION);
  const count = async () => (await oauthStates.all(runtime.db, "")).length;
  const pass = async (minutes: number) => {
    clock.advance(minutes * MINUTE);
    await engine.tick();
  };
  await begin();
  await pass(2);
  await begin();
  await engine.start();
  await pass(8);
  expect(await count()).toBe(2);
  await pass(1);
  await until(async () => (await count()) === 1);
  await pass(2);
  await until(async () => (await count()) === 0);
  const job = "select 1 from jobs where unique_name = 'authorizations'";
  if (runtime.db.dialect === "sqlite") await until(async () => (await runtime.db.get(job)) === undefined);
});
