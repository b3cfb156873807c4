import { readFile } from "node:fs/promises";
import { expect, it, onTestFinished } from "vitest";
import { compose } from "../../runtime/compose.ts";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import { googleCredentials } from "../connector/google-world.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { readme } from "../readme-tables.ts";

it("the README's flow can be saved as it stands, and run dry", async () => {
  const text = await readFile(readme, "utf8");
  const body = /\/v1\/flows -H .* -d '(\{[^']*\})'/.exec(text)![1]!;
  const sandbox = await createSandbox({ contacts: 1 });
  const connectors = ["google-contacts", "gmail"];
  const runtime = await compose(
    composeOptions({
      store: "sqlite::memory:",
      connectors,
      clients: Object.fromEntries(connectors.map((name) => [name, sandbox.client])),
      servers: sandbox.servers,
    }),
  );
  onTestFinished(async () => {
    await runtime.close();
    await sandbox.stop();
  });
  for (const connector of connectors) {
    await runtime.accounts.create({ connector, user: "u_1", credentials: await googleCredentials(sandbox, connector) });
  }
  const [contacts] = (await runtime.accounts.list({ connector: "google-contacts", limit: 1 })).data;
  const flow = await runtime.flows.create(JSON.parse(body.replace("con_…", contacts!.id)));
  expect(flow).toMatchObject({ name: "Thank new contacts", user: "u_1" });
  const { steps } = await runtime.flows.test(flow.id, {
    trigger: { resource: { type: "contact", id: "c1", firstName: "Ada", emails: [{ value: "ada@example.com" }] } },
  });
  expect(steps[0]).toMatchObject({ input: { to: ["ada@example.com"], subject: "Hello Ada" } });
});
