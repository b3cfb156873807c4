import { expect, it } from "vitest";
import { openBench } from "./harness.ts";
import { flat, nested, type ContactsVendor, type Face } from "./vendors.ts";

const mail = (value: string) => [{ value }];

/** The same, with one more request for each contact that is listed. */
const asked = (face: Face, more: object = {}): Face => {
  const manifest = structuredClone(face.manifest) as Face["manifest"] & { streams: { contacts: object } };
  Object.assign(manifest.streams.contacts, { enrich: { request: { method: "GET", path: "/contacts/{record.id}" } } });
  Object.assign(manifest.resources.contact, more);
  return { ...face, manifest };
};

/** Has a vendor refuse one contact, until the function that is returned is called. */
function refuse(vendor: ContactsVendor, id: string): () => void {
  vendor.before = ({ method, url }, response) => {
    if (method !== "GET" || url !== `/contacts/${id}`) return false;
    response.writeHead(400, { "content-type": "application/json" }).end('{"message":"Invalid id value"}');
    return true;
  };
  return () => {
    vendor.before = () => false;
  };
}

const people = (left: ContactsVendor, right: ContactsVendor): void => {
  for (const first of ["ada", "bea", "cat"]) left.add({ first, emails: mail(`${first}@example.com`) });
  for (const first of ["bea", "dot"]) right.add({ first, emails: mail(`${first}@example.com`) });
};
const namesOf = ({ cards }: ContactsVendor): string[] => [...cards.values()].map(({ first }) => first).toSorted();

it("a record that cannot be had stops no first comparison, and is not taken for missing", async () => {
  await using bench = await openBench({ left: asked(nested), right: flat, before: people });
  const allow = refuse(bench.left, "rolo2");
  const preview = await bench.runtime.syncs.preview({ resource: "contact", ...bench.connections });
  expect(preview).toMatchObject({
    create: { left: 2, right: 2 },
    leftOut: {
      left: { count: 1, records: [{ id: "rolo2", error: { code: "vendor_error" } }] },
      right: { count: 0, records: [] },
    },
  });
  const sync = await bench.sync();
  expect(sync).toMatchObject({ status: "active" });
  expect(namesOf(bench.left)).toEqual(["ada", "bea", "cat", "dot"]);
  expect(namesOf(bench.right)).toEqual(["ada", "bea", "cat", "dot"]);
  expect(sync.links.failed).toBeGreaterThan(0);
  allow();
  await bench.runtime.syncs.run(sync.id);
  await bench.settle();
  expect((await bench.get(sync)).links).toMatchObject({ synced: 4, failed: 0 });
  expect(namesOf(bench.left)).toEqual(["ada", "bea", "cat", "dot"]);
});

it("a side that cannot be searched takes nothing that one of the records left out may be", async () => {
  const left = asked(nested, { find: undefined });
  await using bench = await openBench({ left, right: flat, before: people });
  refuse(bench.left, "rolo2");
  const sync = await bench.sync();
  expect(namesOf(bench.left)).toEqual(["ada", "bea", "cat"]);
  expect(namesOf(bench.right)).toEqual(["ada", "bea", "cat", "dot"]);
  expect(sync.links.failed).toBe(3);
});
