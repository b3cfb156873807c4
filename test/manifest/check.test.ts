import { describe, expect, it } from "vitest";
import { formatFault } from "../../runtime/core/errors.ts";
import { checkManifest } from "../../runtime/manifest/check.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { acme, type Loose } from "./acme.ts";

type Acme = ReturnType<typeof acme>;

async function faultsAfter(change: (manifest: Acme & Loose) => void): Promise<string[]> {
  const manifest = acme();
  change(manifest);
  return checkManifest(await loadManifest(manifest)).map(formatFault);
}

describe("the checker", () => {
  it("finds nothing in a manifest that is right", async () => {
    expect(await faultsAfter(() => {})).toEqual([]);
  });

  it("gives ten different faults at once, each with its place and remedy", async () => {
    const faults = await faultsAfter((manifest: Loose) => {
      manifest["titel"] = "Acme";
      manifest["triggers"].contact_created.stream = "contcats";
      manifest["triggers"].group_added.on = { added: "group" };
      manifest["streams"].contacts.deleted = "status ==";
      manifest["streams"].contacts.cursor.to = "params.since";
      manifest["streams"].contacts.scopes = ["raed"];
      manifest["actions"].update_contact.sample.input = { contactId: 1 };
      manifest["actions"].update_contact.steps[1].retry.from = "raed";
      manifest["actions"].get_contact.request.path = "/contacts/{$inptu.id}";
      manifest["allowedHosts"] = ["login.acme.example"];
    });
    expect(faults.toSorted()).toEqual(
      [
        '#/titel: unknown property "titel"; did you mean "title"?',
        '#/triggers/contact_created/stream: there is no stream "contcats"; did you mean "contacts"?',
        '#/triggers/group_added/on/added: there is no watch in stream "contacts" "group"; did you mean "groups"?',
        '#/streams/contacts/deleted: expression `status ==`: it ends too early, at character 9: invalid token (EOF): ""',
        '#/streams/contacts/cursor/to: "params.since" is not a place in a request of this server; a place begins with query, body, headers',
        '#/streams/contacts/scopes/0: there is no declared scope "raed"; did you mean "read"?',
        "#/actions/update_contact/sample/input/contactId: must be a string, not a number",
        '#/actions/update_contact/steps/1/retry/from: "raed" is not an earlier step; there is read, write',
        '#/actions/get_contact/request/path: expression "$inptu.id": unknown root "$inptu"; did you mean "$input"? Allowed here: $input, $connection, $workspace, $user, $steps, $run',
        '#/server/url: "api.acme.example" is not in allowedHosts; add it there',
      ].toSorted(),
    );
  });

  const rules: [string, (manifest: Loose) => void, RegExp][] = [
    [
      "a proof of the account that is read from nowhere",
      (m) => (m["authentication"].account = { sub: "$token.claims#/sub", id: "$answer.body#/id" }),
      /^#\/authentication\/account\/id: .*unknown root "\$answer".*Allowed here: \$response, \$token, \$connection$/,
    ],
    [
      "a proof of a grant in a part that no token answer has",
      (m) => (m["authentication"].grant = { sub: "$token.id_token#/sub" }),
      /^#\/authentication\/grant\/sub: .*a token answer has a body and the claims of its id token; write \$token\.claims#/,
    ],
    [
      "a proof that a person writes",
      (m) => (m["authentication"].account = { id: "$input.id" }),
      /^#\/authentication\/account\/id: .*unknown root "\$input"/,
    ],
    [
      "a parameter of a reconnect that is read from an answer",
      (m) => (m["authentication"].reconnectParams = { login_hint: "$response.body#/email" }),
      /^#\/authentication\/reconnectParams\/login_hint: .*Allowed here: \$connection$/,
    ],
    [
      "a scope to connect that is not declared",
      (m) => (m["authentication"].connectScopes = ["raed"]),
      /^#\/authentication\/connectScopes\/0: there is no declared scope "raed"; did you mean "read"\?/,
    ],
    ["a vendor that is no name", (m) => (m["authentication"].vendor = "Google Inc."), /^#\/authentication\/vendor: /],
    [
      "a negation that takes too little",
      (m) => (m["streams"].contacts.deleted = "!status.active"),
      /streams\/contacts\/deleted: ! negates only status, and nothing lies in true or false; write !\(status\.active\)/,
    ],
    [
      "a trigger's where that can never hold",
      (m) => (m["triggers"].contact_created.where = "length(record) == '3'"),
      /contact_created\/where: length\(record\) == '3' can never hold: .*; write length\(record\) == `3`/,
    ],
    [
      "a trigger's where that reads what its stream does not watch",
      (m) => (m["triggers"].group_added.where = "previous.gruops"),
      /group_added\/where: previous has no "gruops"; did you mean "groups"\?/,
    ],
    [
      "a sample that its trigger refuses",
      (m) => (m["triggers"].contact_created.where = "record.id == 'another'"),
      /contact_created\/sample: is refused by the trigger's own where; correct the where, or give a sample that it takes/,
    ],
    [
      "a sample without a key",
      (m) => (m["streams"].contacts.records.primaryKey = "/noKey"),
      /contact_created\/sample: has no key, so it is passed over; give it a value at \/noKey/,
    ],
    [
      "a sample of a deleted record for a new one",
      (m) => (m["streams"].contacts.deleted = "id"),
      /contact_created\/sample: is a deleted record by the stream's deleted, and "created" fires for none/,
    ],
    [
      "a server on a port of its own",
      (m) => (m["server"].url = "https://api.acme.example:8443"),
      /server\/url: has port 8443; hosts are called on the usual port of https/,
    ],
    [
      "an action's input that lets unknown properties pass",
      (m) => delete m["actions"].update_contact.input.additionalProperties,
      /update_contact\/input: lets unknown properties pass; add "additionalProperties": false/,
    ],
    [
      "a step that reads a later one",
      (m) => (m["actions"].update_contact.steps[0].request.headers = { x: "$steps.write.status" }),
      /steps\/0\/request: "write" is not an earlier step; there are none/,
    ],
    [
      "two steps of one id",
      (m) => (m["actions"].update_contact.steps[1].id = "read"),
      /steps\/1\/id: "read" is the id of an earlier step/,
    ],
    [
      "a resource of another type",
      (m) => (m["streams"].contacts.resource.type = "person"),
      /resources\/contact\/stream: stream "contacts" gives "person"; its resource.type must be "contact"/,
    ],
    [
      "a resource with an unknown action",
      (m) => (m["resources"].contact.find = "find_contact"),
      /resources\/contact\/find: there is no action "find_contact"; did you mean "get_contact"\?/,
    ],
    [
      "a resource whose id is no input",
      (m) => (m["resources"].contact.id = "contactid"),
      /resources\/contact\/id: .*did you mean "contactId"\?/,
    ],
    [
      "dynamic values of an unknown action",
      (m) => (m["actions"].update_contact.input.properties.contactId.dynamicValues.action = "get_contacts"),
      /dynamicValues\/action: there is no action "get_contacts"; did you mean "get_contact"\?/,
    ],
    [
      "a googleapis method for an HTTP server",
      (m) => (m["actions"].get_contact.request = { method: "contacts.get" }),
      /request\/method: "contacts.get" is a googleapis method, but server.url speaks HTTP/,
    ],
    [
      "an API's name before its method",
      (m) => (
        (m["server"] = { googleapis: { api: "gmail", version: "v1" } }),
        (m["actions"] = { list: { title: "L", kind: "list", request: { method: "gmail.users.messages.list" } } })
      ),
      /write "users.messages.list"/,
    ],
    [
      "Google without a host of Google's",
      (m) => (m["server"] = { googleapis: { api: "gmail", version: "v1" } }),
      /allowedHosts: has no host of Google's; add "gmail.googleapis.com"/,
    ],
    [
      "a body in a GET",
      (m) => (m["streams"].contacts.cursor.to = "body.since"),
      /"body.since" needs a body, which GET has not/,
    ],
    [
      "keyset values without places",
      (m) => m["streams"].contacts.pagination.to.pop(),
      /pagination\/to: has 1 places for 2 values/,
    ],
    [
      "pages of a single record",
      (m) => (m["streams"].contacts.cursor = { type: "snapshot", single: true }),
      /pagination: a single record has no pages/,
    ],
    [
      "a time without a place",
      (m) => (m["streams"].contacts.cursor = { type: "updatedSince", from: "$record#/updated" }),
      /cursor: "to" is required, the place of the time; only a list in "order": "descending" does without/,
    ],
    [
      "a cursor per item without items",
      (m) => (m["streams"].contacts.cursor.per = "item"),
      /cursor\/per: there is one list only; remove per, or say with each what there is a list of/,
    ],
    [
      "compared reads where every read is one",
      (m) => ((m["streams"].contacts.cursor = { type: "snapshot" }), (m["streams"].contacts.verifyEvery = "P7D")),
      /verifyEvery: every read with "snapshot" is compared; remove verifyEvery/,
    ],
    [
      "compared reads of what is forgotten",
      (m) => ((m["streams"].contacts.records.remember = "P7D"), (m["streams"].contacts.tombstones = "P30D")),
      /tombstones: what records.remember forgets would be reported as created; remove one of the two/,
    ],
    [
      "an end that nothing is remembered of",
      (m) => ((m["streams"].contacts.ended = "status == 'over'"), delete m["streams"].contacts.watch),
      /ended: reads the watched values, and the stream has no watch; add one/,
    ],
    [
      "a value that stays and is not watched",
      (m) => ((m["streams"].contacts.watch = { status: "status" }), (m["streams"].contacts.stays = ["statuss"])),
      /stays\/0: there is no watched value "statuss"; did you mean "status"\?/,
    ],
    [
      "a raised version without migration",
      (m) => (m["streams"].contacts.cursorVersion = 2),
      /migrate: is required when cursorVersion is raised/,
    ],
    [
      "a schedule that is no cron expression",
      (m) => (m["triggers"].contact_created.schedule.default = "every day"),
      /schedule\/default: "every day" is not a cron expression/,
    ],
    [
      "a sample that is no record",
      (m) => (m["triggers"].contact_created.sample = {}),
      /contact_created\/sample\/id: is required/,
    ],
    [
      "a pattern RE2 does not know",
      (m) => (m["streams"].contacts.schema.properties.id.pattern = "(?=x)"),
      /contacts\/schema: The JSON Schema cannot be used/,
    ],
    [
      "two ways of one type",
      (m) => (m["authentication"] = { oneOf: [{ type: "bearer" }, { type: "bearer" }] }),
      /oneOf\/1\/type: "bearer" is there already/,
    ],
    [
      "a root of another place",
      (m) => (m["streams"].contacts.records.timestamp = "$response.body#/x"),
      /records\/timestamp: .*unknown root "\$response".*Allowed here: \$record/,
    ],
    [
      "a condition on what is not there",
      (m) => (m["triggers"].contact_created.where = "recrod.vip"),
      /where: .*unknown root "recrod"; did you mean "record"\?/,
    ],
    [
      "a root where a condition has the answer's parts",
      (m) => (m["errors"][1].when = "response.body"),
      /errors\/1\/when: .*Allowed here: status, headers, body/,
    ],
  ];
  it.each(rules)("finds %s", async (_, change, expected) => {
    expect(await faultsAfter(change)).toContainEqual(expect.stringMatching(expected));
  });

  it("does not blame a trigger for a stream whose form is wrong", async () => {
    const faults = await faultsAfter((manifest: Loose) => delete manifest["streams"].contacts.records);
    expect(faults).toEqual(["#/streams/contacts/records: is required"]);
  });

  it("holds nothing against what is not even an object", async () => {
    expect(await faultsAfter((manifest: Loose) => (manifest["streams"] = { contacts: 1 }))).toContain(
      "#/streams/contacts: must be an object, not a number",
    );
  });
});
