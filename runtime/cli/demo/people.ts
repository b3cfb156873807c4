import type { Sandbox } from "../../sandbox/index.ts";
import { apiClient } from "./api.ts";
import { repeat, type Repeating } from "./repeat.ts";

interface Person {
  names?: { displayName?: string }[];
  resourceName: string;
}

/** Two edits that the service, which is not running, can only learn of later, in a person's words. */
export async function editWhileAway({ url }: Sandbox, somebody: string | undefined): Promise<string[]> {
  const call = apiClient(`${url}/control`);
  const number = Math.floor(Math.random() * 10_000);
  await call<Person>("POST", "/contacts", {
    givenName: "Grace",
    familyName: "Hopper",
    email: `grace.hopper.${number}@example.com`,
  });
  const told = ["Grace Hopper was added"];
  if (somebody === undefined) return told;
  const phone = `+44 20 7946 0${String(number % 1000).padStart(3, "0")}`;
  const changed = await call<Person>("PATCH", `/contacts/${encodeURIComponent(somebody)}`, { phone });
  return [...told, `${changed.names?.[0]?.displayName ?? changed.resourceName} got the number ${phone}`];
}

/** Edits as people make them, one at a time; `afterEach` is waited for. */
export function keepEditing({ url }: Sandbox, everyMs: number, afterEach: () => Promise<void>): Repeating {
  const call = apiClient(`${url}/control`);
  return repeat(everyMs, async () => {
    await call("POST", "/edits", { count: 1, seed: Math.floor(Math.random() * 2 ** 31) });
    await afterEach();
  });
}
