import { describe, expect, it } from "vitest";
import { formatFault } from "../../runtime/core/errors.ts";
import { checkManifest } from "../../runtime/manifest/check.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { acme, type Loose } from "./acme.ts";

async function changed(change: (manifest: Loose) => void) {
  const manifest: Loose = acme();
  change(manifest);
  return loadManifest(manifest);
}
const faults = async (change: (manifest: Loose) => void) => checkManifest(await changed(change)).map(formatFault);

describe("what a connection must be", () => {
  const requires = { condition: "connection.kind == 'agency'", message: "is for agencies; connect one" };

  it("is told of streams and actions, and holds or not", async () => {
    const connector = compileConnector(
      await changed(({ streams, actions }) => {
        streams.contacts.requires = requires;
        actions.get_contact.requires = requires;
      }),
    );
    for (const part of [connector.streams.get("contacts")!, connector.actions.get("get_contact")!]) {
      expect(part.requires!.message).toBe(requires.message);
      expect(part.requires!.holds({ kind: "agency" })).toBe(true);
      expect(part.requires!.holds({})).toBe(false);
    }
  });

  it("is a condition over the connection alone", async () => {
    expect(
      await faults(({ streams }) => (streams.contacts.requires = { ...requires, condition: "conection.kind" })),
    ).toEqual([
      '#/streams/contacts/requires/condition: expression `conection.kind`: unknown root "conection"; did you mean "connection"? Allowed here: connection',
    ]);
    expect(await faults(({ actions }) => (actions.get_contact.requires = { condition: "connection.kind" }))).toEqual([
      "#/actions/get_contact/requires/message: is required",
    ]);
  });
});

describe("choices for a form", () => {
  const property = (dynamicValues: object) => ({ type: "string", dynamicValues });

  it("name a stream or an action that exists, however deep they stand", async () => {
    const found = await faults(({ actions }) => {
      Object.assign(actions.update_contact.input.properties, {
        fine: property({ stream: "contacts", value: "/id" }),
        deep: {
          type: "array",
          items: { type: "object", properties: { id: property({ stream: "contacs", value: "/id" }) } },
        },
        neither: property({ value: "/id" }),
      });
    });
    expect(found).toEqual([
      '#/actions/update_contact/input/properties/deep/items/properties/id/dynamicValues/stream: there is no stream "contacs"; did you mean "contacts"?',
      '#/actions/update_contact/input/properties/neither/dynamicValues: needs "action" or "stream", and "value", for example {"action": "list_groups", "value": "/id", "label": "/name"}',
    ]);
  });
});
