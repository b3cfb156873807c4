import { gmail } from "googleapis/build/src/apis/gmail/index.js";
import { describe, expect, it } from "vitest";
import messageSchema from "../../schemas/message.schema.json" with { type: "json" };
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { compileSchema } from "../../runtime/manifest/validate.ts";
import { readSample } from "../../runtime/read/sample.ts";
import { describeConnector } from "../contract/connector.ts";
import type { World } from "../contract/world.ts";
import { missingMethods } from "./google-methods.ts";
import { googleWorld } from "./google-world.ts";

const SAMPLE = "18c5f0a2b3d4e5f6";
const ME = "alex.morgan@example.com";
const loaded = await loadManifest("gmail");
const connector = compileConnector(loaded);
const validateMessage = compileSchema(messageSchema);
const { map } = connector.streams.get("messages")!.resource!;

const mailbox = ({ sandbox }: World) => sandbox.google.account().mailbox;
const anyMessage = (world: World) => mailbox(world).messages.values().next().value!;
const receive = (world: World, more: object = {}, labelIds?: string[]) =>
  mailbox(world).receive({ from: "Ada <ada@example.com>", subject: "Hello", text: "Hi", ...more }, { labelIds });
const relabel = (world: World, add: string[], remove: string[] = [], message = anyMessage(world)) =>
  mailbox(world).modify(message, add, remove);
const ownLabel = (world: World) => mailbox(world).createLabel("Customers", "Label_7");

/** The message, draft and label that the samples use, there at the sandbox. */
const sampled = async (world: World) => {
  const mail = {
    headers: [
      { name: "From", value: "Ada Lovelace <ada@example.com>" },
      { name: "To", value: ME },
      { name: "Message-ID", value: "<abc@mail.example.com>" },
    ],
    text: "It works.",
    attachments: [{ filename: "note.txt", mimeType: "text/plain", content: "SXQgd29ya3Mu" }],
  };
  ownLabel(world);
  mailbox(world).add(mail, { id: SAMPLE, labelIds: ["INBOX", "UNREAD"] });
};

await describeConnector("gmail", {
  open: () => googleWorld("gmail", { items: true }),
  unrelated: async (world) => relabel(world, [], ["UNREAD"]),
  triggers: {
    message_received: { change: async (world) => receive(world) },
    message_sent: {
      unrelated: async (world) => receive(world),
      change: async (world) => receive(world, { from: ME, to: "ada@example.com" }, ["SENT"]),
    },
    message_starred: {
      unrelated: async (world) => relabel(world, ["IMPORTANT"]),
      change: async (world) => relabel(world, ["STARRED"]),
    },
    message_matching_search: {
      input: { query: "subject:invoice" },
      unrelated: async (world) => receive(world),
      change: async (world) => receive(world, { subject: "Invoice 17" }),
    },
    label_added: {
      before: async (world) => ownLabel(world),
      unrelated: async (world) => relabel(world, ["STARRED"]),
      change: async (world) => relabel(world, ["Label_7"]),
    },
    label_removed: {
      before: async (world) => relabel(world, [ownLabel(world).id]),
      change: async (world) => relabel(world, [], ["Label_7"]),
    },
    label_created: { unrelated: async (world) => receive(world), change: async (world) => ownLabel(world) },
  },
  actions: {
    ...Object.fromEntries([...connector.actions.keys()].map((action) => [action, { before: sampled }])),
    create_label: {},
    get_attachment: { before: sampled, input: () => ({ messageId: SAMPLE, attachmentId: `${SAMPLE}-0` }) },
    send_draft: {
      input: async (world) => ({ draftId: (await world.run("create_draft", { to: [ME], subject: "Draft" })).id }),
    },
  },
});

describe("the Gmail connector", () => {
  it("names only methods that the gmail v1 client has", () => {
    expect(missingMethods(loaded.manifest, gmail("v1"))).toEqual([]);
  });
});

describe("a message in common terms", () => {
  it("has everything of a full one", () => {
    const message = map(connector.triggers.get("message_received")!.definition.sample)!;
    expect(message).toMatchObject({
      channel: "email",
      direction: "inbound",
      from: { value: "ada@example.com", name: "Ada Lovelace" },
      subject: "The engine",
      text: "It works.",
      unread: true,
      starred: false,
      attachments: [{ name: "plan.pdf", mediaType: "application/pdf", size: 10240 }],
      internetMessageId: "abc@mail.example.com",
      sentAt: "2026-11-21T22:00:00.000Z",
    });
    expect(validateMessage(message)).toEqual([]);
  });

  it("has no subject, no sender and no text when the mail has none", () => {
    const message = map({ id: "m1", message: { id: "m1", labelIds: [], payload: { headers: [] } } })!;
    expect(message).toEqual({
      type: "message",
      id: "m1",
      channel: "email",
      direction: "inbound",
      labels: [],
      unread: false,
      starred: false,
      draft: false,
    });
    expect(map({ id: "m1" })).toEqual({ type: "message", id: "m1", channel: "email" });
  });
});

describe("triggers of Gmail", () => {
  it("tell what a mail says: addresses, texts, attachments", async () => {
    await using world = await googleWorld("gmail");
    const received = await world.subscribe("message_received");
    receive(world, {
      from: '"Lovelace, Ada" <ada@example.com>',
      cc: "Charles <charles@example.com>, mary@example.com",
      subject: "=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=",
      html: "<p>Hi</p>",
      attachments: [
        { filename: "a.pdf", mimeType: "application/pdf", content: Buffer.from("pdf").toString("base64url") },
      ],
    });
    const [told] = await world.told(received);
    expect(told!.data.resource).toMatchObject({
      from: { value: "ada@example.com", name: "Lovelace, Ada" },
      cc: [{ value: "charles@example.com", name: "Charles" }, { value: "mary@example.com" }],
      subject: "Grüße",
      text: "Hi",
      html: "<p>Hi</p>",
      attachments: [{ name: "a.pdf", mediaType: "application/pdf", size: 3 }],
      sentAt: expect.any(String),
    });
    expect(validateMessage(told!.data.resource)).toEqual([]);
    const validateRecord = connector.streams.get("messages")!.validateRecord!;
    expect(validateRecord(told!.data.record)).toEqual([]);
  });

  it("tell received mail even when it was archived before the poll, and no drafts, spam or sent mail", async () => {
    await using world = await googleWorld("gmail");
    const received = await world.subscribe("message_received");
    const archived = receive(world);
    relabel(world, [], ["INBOX"], archived);
    receive(world, {}, ["SPAM"]);
    receive(world, {}, ["DRAFT"]);
    receive(world, {}, ["SENT"]);
    receive(world, {}, ["Label_7"]);
    expect((await world.told(received)).map(({ id }) => id)).toEqual([archived.id]);
    expect(await world.told(received)).toEqual([]);
  });

  it("tell mail that a filter archives where the subscriber wants it", async () => {
    await using world = await googleWorld("gmail");
    const received = await world.subscribe("message_received", { anywhere: true });
    const filtered = receive(world, {}, ["UNREAD"]);
    receive(world, {}, ["SPAM"]);
    expect((await world.told(received)).map(({ id }) => id)).toEqual([filtered.id]);
  });

  it("do not take a label on old mail for new mail, nor a mail that is gone for an expired cursor", async () => {
    await using world = await googleWorld("gmail", { items: true });
    const received = await world.subscribe("message_received");
    relabel(world, ["STARRED", "INBOX"]);
    mailbox(world).delete(receive(world));
    const kept = receive(world);
    const told = await world.told(received);
    expect(told.map(({ type }) => type)).toEqual(["message.received", "stream.gap"]);
    expect(told[0]!.id).toBe(kept.id);
    // Of the mail that is gone, nobody can say any more what it was.
    expect(told[1]!.data).toMatchObject({ stream: "messages", reason: "gone_unread" });
    expect(world.sandbox.requests.get("gmail.users.messages.list")).toBe(0);
    expect(await world.told(received)).toEqual([]);
  });

  it("after history expired tell all mail that came meanwhile, and only that", async () => {
    await using world = await googleWorld("gmail", { items: true });
    const received = await world.subscribe("message_received");
    const before = receive(world);
    expect(await world.told(received)).toHaveLength(1);
    world.clock.advance(3 * 86_400_000);
    const missed = [receive(world), receive(world)];
    receive(world, {}, ["DRAFT"]);
    mailbox(world).expireHistory();
    const reported = await world.told(received);
    // The search that stands in for the history cannot see imported mail with an old date.
    expect(reported.filter(({ type }) => type === "stream.gap")).toHaveLength(1);
    const told = reported.filter(({ type }) => type.startsWith("message."));
    expect(told.map(({ id }) => id).sort()).toEqual(missed.map(({ id }) => id).sort());
    expect(told.map(({ id }) => id)).not.toContain(before.id);
    expect(await world.told(received)).toEqual([]);
    const later = receive(world);
    expect((await world.told(received)).map(({ id }) => id)).toEqual([later.id]);
  });

  it("tell mail that leaves spam for the inbox, once, and not what comes back there from elsewhere", async () => {
    await using world = await googleWorld("gmail", { items: true });
    const received = await world.subscribe("message_received");
    const anywhere = await world.subscribe("message_received", { anywhere: true });
    const told = async () => (await world.told(received)).map(({ id, data }) => [id, data.subscription]);
    const junk = receive(world, {}, ["SPAM", "UNREAD"]);
    const mail = receive(world);
    expect(await told()).toEqual([received, anywhere].map((one) => [mail.id, one]));
    relabel(world, ["INBOX"], ["SPAM"], junk);
    expect(await told()).toEqual([received, anywhere].map((one) => [junk.id, one]));
    for (const message of [junk, mail]) {
      relabel(world, ["SPAM"], ["INBOX"], message);
      relabel(world, ["INBOX"], ["SPAM"], message);
    }
    relabel(world, [], ["INBOX"], mail);
    expect(await told()).toEqual([]);
    relabel(world, ["INBOX"], [], mail);
    expect(await told()).toEqual([]);
  });

  it.each([
    ["in one poll", false],
    ["in two polls", true],
  ])("tell mail that leaves spam in two entries of the history, once: %s", async (_, isPolledBetween) => {
    await using world = await googleWorld("gmail");
    const received = await world.subscribe("message_received");
    const ids = async () => (await world.told(received)).map(({ id }) => id);
    const [first, second] = [receive(world, {}, ["SPAM", "UNREAD"]), receive(world, {}, ["SPAM", "UNREAD"])];
    expect(await ids()).toEqual([]);
    const told: string[] = [];
    relabel(world, [], ["SPAM"], first);
    relabel(world, ["INBOX"], [], second);
    if (isPolledBetween) told.push(...(await ids()));
    relabel(world, ["INBOX"], [], first);
    relabel(world, [], ["SPAM"], second);
    told.push(...(await ids()));
    expect(told.toSorted()).toEqual([first.id, second.id].toSorted());
    for (const message of [first, second]) relabel(world, [], ["INBOX"], message);
    for (const message of [first, second]) relabel(world, ["INBOX"], [], message);
    expect(await ids()).toEqual([]);
  });

  it.each([
    ["spam", ["SPAM"], ["INBOX"]],
    ["the bin", ["TRASH"], ["INBOX"]],
    ["the archive", [], ["INBOX"]],
  ])("do not take old mail that comes back from %s for new mail", async (_, there, here) => {
    await using world = await googleWorld("gmail", { items: true });
    const [before, junk] = [anyMessage(world), receive(world, {}, ["SPAM"])];
    const received = await world.subscribe("message_received");
    const forgotten = receive(world);
    expect((await world.told(received)).map(({ id }) => id)).toEqual([forgotten.id]);
    world.clock.advance(31 * 86_400_000);
    const fresh = receive(world);
    expect((await world.told(received)).map(({ id }) => id)).toContain(fresh.id);
    const all = [before, junk, forgotten, fresh];
    for (const message of all) relabel(world, there, here, message);
    expect(await world.told(received)).toEqual([]);
    for (const message of all) relabel(world, here, there, message);
    expect(await world.told(received)).toEqual([]);
    for (const message of all) {
      relabel(world, there, here, message);
      relabel(world, here, there, message);
    }
    expect(await world.told(received)).toEqual([]);
  });

  it("keep apart what one entry of the history says of a message", () => {
    const { select, key } = connector.streams.get("label_changes")!;
    const message = { id: "m1", threadId: "t1", labelIds: ["INBOX", "Label_7"] };
    const entry = {
      id: "101",
      messagesAdded: [{ message }],
      labelsAdded: [
        { message, labelIds: ["Label_7"] },
        { message, labelIds: ["Label_8", "Label_7"] },
      ],
      labelsRemoved: [{ message, labelIds: ["Label_7"] }],
    };
    const changes = select({ status: 200, headers: {}, body: { history: [entry] } }) as {
      change: string;
      labels: string[];
    }[];
    expect(changes.map(({ change, labels }) => `${change} ${labels.join()}`)).toEqual([
      "added Label_7",
      "added Label_8,Label_7",
      "removed Label_7",
      "added INBOX",
    ]);
    expect(new Set(changes.map((change) => key(change))).size).toBe(4);
  });

  it("say that label changes of a time are lost when history expired", async () => {
    await using world = await googleWorld("gmail", { items: true });
    const starred = await world.subscribe("message_starred");
    relabel(world, ["STARRED"]);
    mailbox(world).expireHistory();
    const told = await world.told(starred);
    expect(told.map(({ type }) => type)).toEqual(["stream.gap"]);
    expect(told[0]!.data).toMatchObject({ stream: "label_changes", reason: "cursor_expired" });
    relabel(world, [], ["STARRED"]);
    relabel(world, ["STARRED"]);
    expect((await world.told(starred)).map(({ type }) => type)).toEqual(["message.starred"]);
  });

  it("tell labels on old mail, on arriving mail, and the one label that was chosen", async () => {
    await using world = await googleWorld("gmail", { items: true });
    ownLabel(world);
    const other = mailbox(world).createLabel("Suppliers");
    const any = await world.subscribe("label_added");
    const read = await world.subscribe("label_removed", { label: "UNREAD" });
    const old = anyMessage(world);
    relabel(world, ["Label_7"], [], old);
    const fresh = receive(world, {}, ["INBOX", other.id]);
    relabel(world, [], ["UNREAD"], old);
    const told = (await world.told(any)).concat(await world.told(read)).map(({ type, id }) => `${type} ${id}`);
    expect(told.sort()).toEqual(
      [`message.label_added ${old.id}`, `message.label_added ${fresh.id}`, `message.label_removed ${old.id}`].sort(),
    );
    expect(await world.told(any)).toEqual([]);
  });

  it("tell a search's messages once, also when they come to match later, and read each only once", async () => {
    await using world = await googleWorld("gmail", { items: true });
    const matching = await world.subscribe("message_matching_search", { query: "is:starred subject:hello" });
    const message = receive(world);
    expect(await world.told(matching)).toEqual([]);
    relabel(world, ["STARRED"], [], message);
    expect((await world.told(matching)).map(({ id }) => id)).toEqual([message.id]);
    relabel(world, [], ["STARRED"], message);
    expect(await world.told(matching)).toEqual([]);
    relabel(world, ["STARRED"], [], message);
    expect(await world.told(matching)).toEqual([]);
    expect(world.sandbox.requests.get("gmail.users.messages.get")).toBe(1);
  });

  it("go on over more pages than one, in numbers that no double can hold", async () => {
    await using world = await googleWorld("gmail");
    const received = await world.subscribe("message_received");
    for (let i = 0; i < 620; i++) receive(world, { subject: `Mail ${i}` });
    expect(await world.told(received)).toHaveLength(620);
    expect(world.sandbox.requests.get("gmail.users.history.list")).toBe(2);
    expect(await world.told(received)).toEqual([]);
  });
});

it("a sample is a few records as a poll would read them", async () => {
  await using world = await googleWorld("gmail", { items: true });
  const { signal } = new AbortController();
  const client = await world.runtime.accounts.client(world.connection);
  const stream = client.connector.streams.get("messages")!;
  const records = await readSample({
    client,
    stream,
    input: {},
    limit: 3,
    variables: { workspace: {}, user: {} },
    now: world.clock.now(),
    signal,
  });
  expect(records).toHaveLength(3);
  for (const record of records!) {
    expect(stream.validateRecord!(record)).toEqual([]);
    expect(record).toMatchObject({ message: { payload: { subject: expect.any(String) } } });
  }
});

describe("actions of Gmail", () => {
  it("send mail in any language with files, to everybody it is for", async () => {
    await using world = await googleWorld("gmail");
    const other = world.sandbox.google.addAccount({ email: "ada@example.com", contacts: 0, seed: 2 });
    await world.run("send_message", {
      to: ["Ada Löwe <ada@example.com>"],
      bcc: [ME],
      subject: "Grüße, 日本",
      text: "Line one\nÄ line",
      html: "<p>Ä line</p>",
      attachments: [{ name: "pläne.txt", content: Buffer.from("content").toString("base64") }],
    });
    const [arrived] = [...other.mailbox.messages.values()];
    expect(arrived!.mail).toMatchObject({ text: "Line one\nÄ line", html: "<p>Ä line</p>" });
    expect(arrived!.mail.attachments).toMatchObject([{ filename: "pläne.txt", mimeType: "text/plain" }]);
    expect(arrived!.mail.headers.map(({ name }) => name)).not.toContain("Bcc");
    const { messages } = await world.run("find_messages", { query: "in:sent" });
    expect(await world.run("get_message", { messageId: messages[0].id })).toMatchObject({
      labelIds: ["SENT", "INBOX", "UNREAD"],
      payload: {
        from: { value: ME },
        to: [{ value: "ada@example.com", name: "Ada Löwe" }],
        bcc: [{ value: ME }],
        subject: "Grüße, 日本",
        attachments: [{ name: "pläne.txt", size: 7 }],
      },
    });
  });

  it("reply within the conversation, to whom the message asks", async () => {
    await using world = await googleWorld("gmail");
    const asked = receive(world, { subject: "Question" });
    const sent = await world.run("reply_to_message", { messageId: asked.id, text: "Yes." });
    expect(sent.threadId).toBe(asked.threadId);
    const { messages } = await world.run("get_thread", { threadId: asked.threadId });
    const { messageId } = messages[0].payload;
    expect(messages[1].payload).toMatchObject({
      to: [{ value: "ada@example.com", name: "Ada" }],
      subject: "Re: Question",
      inReplyTo: messageId,
      references: [messageId],
      text: "Yes.",
    });
    const again = await world.run("reply_to_message", { messageId: sent.id, text: "And no." });
    expect((await world.run("get_message", { messageId: again.id })).payload).toMatchObject({
      to: [{ value: "ada@example.com", name: "Ada" }],
      subject: "Re: Question",
    });
  });

  it("refuse an address that hides others, before anything is sent", async () => {
    await using world = await googleWorld("gmail");
    const input = { to: ["ada@example.com, eve@example.com"], subject: "Hello" };
    await expect(world.run("send_message", input)).rejects.toMatchObject({
      code: "invalid_input",
      message:
        'to: "ada@example.com, eve@example.com" is not an e-mail address; write ada@example.com or Ada <ada@example.com>',
      faults: [{ pointer: "/to/0", message: expect.any(String) }],
    });
    expect(mailbox(world).messages.size).toBe(0);
  });

  it("never send twice when an answer is lost", async () => {
    await using world = await googleWorld("gmail");
    world.sandbox.faults.add({ kind: "truncate", match: "gmail.users.messages.send" });
    await expect(world.run("send_message", { to: ["ada@example.com"], subject: "Once" })).rejects.toMatchObject({
      code: "network",
      message: expect.any(String),
    });
    expect(mailbox(world).messages.size).toBe(1);
  });

  it("read, archive, star and trash, one message or many", async () => {
    await using world = await googleWorld("gmail");
    const [one, two] = [receive(world), receive(world)];
    await world.run("mark_read", { messageId: one.id });
    await world.run("archive_message", { messageId: one.id });
    expect(one.labelIds).toEqual([]);
    await world.run("add_labels", { messageId: one.id, labelIds: ["STARRED"] });
    await world.run("batch_change_labels", { messageIds: [one.id, two.id], add: ["IMPORTANT"], remove: ["UNREAD"] });
    expect([one.labelIds, two.labelIds]).toEqual([
      ["STARRED", "IMPORTANT"],
      ["INBOX", "IMPORTANT"],
    ]);
    await world.run("trash_message", { messageId: two.id });
    expect((await world.run("find_messages")).messages).toEqual([{ id: one.id, threadId: one.threadId }]);
    await world.run("untrash_message", { messageId: two.id });
    expect((await world.run("find_messages")).messages).toHaveLength(2);
    await world.run("create_label", { name: "Customers" });
    await expect(world.run("create_label", { name: "customers" })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("Label name exists or conflicts"),
    });
  });
});
