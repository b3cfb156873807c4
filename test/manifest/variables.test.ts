import { describe, expect, it } from "vitest";
import { readsVariables } from "../../runtime/manifest/variables.ts";

describe("whether a definition may read variables", () => {
  it.each([
    "$workspace.vars.region",
    "$user.vars.key",
    "Bearer {$user.vars.key}",
    "/lists/{workspace.vars.list}",
    { body: [{ a: { $expr: "workspace.vars.region || 'eu'" } }] },
    { $expr: "@" },
    { $expr: "*.vars" },
    { $expr: "values($)" },
    { $expr: '"\\u0075ser".vars.key' },
    "{{ user.vars.key }}",
  ])("%j may", (definition) => {
    expect(readsVariables({ request: definition })).toBe(true);
  });

  it.each([
    "$input.name",
    "people/me",
    { method: "users.messages.list", params: { userId: "me", $: 1 } },
    { query: { limit: 100, since: "$cursor.value", exact: true, none: null } },
    { $expr: "input.emails[0].value" },
  ])("%j does not", (definition) => {
    expect(readsVariables({ request: definition })).toBe(false);
  });
});
