import { gmail } from "googleapis/build/src/apis/gmail/index.js";
import { describe, expect, it } from "vitest";
import { createSandbox } from "../../../../runtime/sandbox/index.ts";
import { act, googleApi, refusal } from "../google-api.ts";

const api = gmail("v1");
const userId = "me";
const raw = (text: string) => Buffer.from(text.replaceAll("\n", "\r\n")).toString("base64url");

describe("the simulated Gmail API", () => {
  it("tells what happened since a history id: mail added and deleted, labels added and removed", async () => {
    const { account, options } = await googleApi("gmail.modify");
    const { mailbox } = account;
    const { historyId } = (await api.users.getProfile({ userId }, options)).data;
    expect(BigInt(historyId!)).toBeGreaterThan(BigInt(Number.MAX_SAFE_INTEGER));
    const message = mailbox.receive({ subject: "Hello" });
    mailbox.modify(message, ["STARRED", "INBOX"], ["UNREAD"]);
    mailbox.delete(message);
    const { data } = await api.users.history.list({ userId, startHistoryId: historyId! }, options);
    expect(
      data.history!.map((record) => Object.keys(record).filter((key) => /Added|Deleted|Removed/.test(key))),
    ).toEqual([["messagesAdded"], ["labelsAdded"], ["labelsRemoved"], ["messagesDeleted"]]);
    expect(data.history![1]!.labelsAdded![0]).toMatchObject({ labelIds: ["STARRED"], message: { id: message.id } });
    expect(data.historyId).toBe(mailbox.historyId);
    const none = await api.users.history.list({ userId, startHistoryId: data.historyId! }, options);
    expect(none.data).toEqual({ historyId: data.historyId });
    const historyTypes = ["labelAdded"];
    const some = await api.users.history.list({ userId, startHistoryId: historyId!, historyTypes }, options);
    expect(some.data.history).toHaveLength(1);
  });

  it("says 404 when history is too old", async () => {
    const { sandbox, options } = await googleApi("gmail.readonly");
    const { historyId } = (await api.users.getProfile({ userId }, options)).data;
    await act(sandbox, "POST", "/expire-history");
    expect(await refusal(api.users.history.list({ userId, startHistoryId: historyId! }, options))).toEqual({
      status: 404,
      reason: "notFound",
      message: "Requested entity was not found.",
    });
  });

  it("searches by labels, addresses, words, files and times", async () => {
    const { clock, account, options } = await googleApi("gmail.readonly");
    const { mailbox } = account;
    const file = { filename: "plan.pdf", mimeType: "application/pdf", content: "cGRm" };
    mailbox.createLabel("Big customers");
    mailbox.receive({ from: "ada@example.com", subject: "Invoice 1" }, { time: clock.now() - 10 * 86_400_000 });
    mailbox.receive({ from: "ada@example.com", subject: "Invoice 2", attachments: [file] });
    mailbox.receive({ from: "bob@example.com", subject: "Lunch" }, { labelIds: [...mailbox.labels.keys()].slice(-1) });
    mailbox.receive({ from: "eve@example.com", subject: "Prize" }, { labelIds: ["SPAM"] });
    const found = async (q: string) => {
      const { messages = [] } = (await api.users.messages.list({ userId, q }, options)).data;
      return messages.map(
        ({ id }) => mailbox.messages.get(id!)!.mail.headers.find(({ name }) => name === "Subject")!.value,
      );
    };
    expect(await found("")).toEqual(["Invoice 2", "Lunch", "Invoice 1"]);
    expect(await found("from:ada subject:invoice newer_than:7d")).toEqual(["Invoice 2"]);
    expect(await found(`from:ada before:${Math.floor(clock.now() / 1000)}`)).toEqual(["Invoice 1"]);
    expect(await found(`after:${Math.floor(clock.now() / 1000)} -from:bob`)).toEqual(["Invoice 2"]);
    expect(await found("has:attachment filename:pdf")).toEqual(["Invoice 2"]);
    expect(await found("label:big-customers")).toEqual(["Lunch"]);
    expect(await found("in:inbox is:unread")).toEqual(["Invoice 2", "Invoice 1"]);
    expect(await found("(from:bob OR subject:2) -has:attachment")).toEqual(["Lunch"]);
    expect(await found("in:spam")).toEqual(["Prize"]);
    expect(await found('"invoice 2"')).toEqual(["Invoice 2"]);
  });

  it("reads a raw message, and gives it back as a tree of parts with the file apart", async () => {
    const { options } = await googleApi("gmail.modify");
    const message = [
      "To: ada@example.com",
      "Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=",
      'Content-Type: multipart/mixed; boundary="x"',
      "",
      "--x",
      "Content-Type: text/plain; charset=iso-8859-1",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "Gr=FC=DFe",
      "--x",
      'Content-Type: text/csv; name="a.csv"',
      "Content-Disposition: attachment; filename=a.csv",
      "Content-Transfer-Encoding: base64",
      "",
      "MSwy",
      "--x--",
      "",
    ].join("\n");
    const { data: sent } = await api.users.messages.send({ userId, requestBody: { raw: raw(message) } }, options);
    const { data } = await api.users.messages.get({ userId, id: sent.id! }, options);
    expect(data).toMatchObject({ labelIds: ["SENT"], payload: { mimeType: "multipart/mixed" } });
    const [text, file] = data.payload!.parts!;
    expect(Buffer.from(text!.body!.data!, "base64url").toString()).toBe("Grüße");
    expect(file).toMatchObject({ filename: "a.csv", mimeType: "text/csv", body: { size: 3 } });
    const id = file!.body!.attachmentId!;
    const attachment = await api.users.messages.attachments.get({ userId, messageId: sent.id!, id }, options);
    expect(Buffer.from(attachment.data.data!, "base64url").toString()).toBe("1,2");
  });

  it("refuses mail for nobody, unknown labels and a label that exists", async () => {
    const { account, options } = await googleApi("gmail.modify");
    const send = (requestBody: object) => refusal(api.users.messages.send({ userId, requestBody }, options));
    expect(await send({})).toMatchObject({ status: 400, message: expect.stringContaining("'raw' RFC822") });
    expect(await send({ raw: raw("Subject: x\n\nx") })).toMatchObject({
      status: 400,
      message: "Recipient address required",
    });
    const { id } = account.mailbox.receive({});
    const modify = api.users.messages.modify({ userId, id, requestBody: { addLabelIds: ["Nope"] } }, options);
    expect(await refusal(modify)).toMatchObject({ status: 400, message: "Invalid label: Nope" });
    await api.users.labels.create({ userId, requestBody: { name: "A" } }, options);
    const again = api.users.labels.create({ userId, requestBody: { name: "a" } }, options);
    expect(await refusal(again)).toMatchObject({ status: 409, message: "Label name exists or conflicts" });
  });

  it("limits the units of a minute", async () => {
    const { sandbox, clock, account, options } = await googleApi("gmail.readonly");
    const { id } = account.mailbox.receive({});
    sandbox.google.settings.gmailUnitsPerMinute = 12;
    const get = () => api.users.messages.get({ userId, id }, options);
    await get();
    await get();
    expect(await refusal(get())).toMatchObject({ status: 403, reason: "rateLimitExceeded" });
    clock.advance(60_000);
    await get();
  });

  it("keeps a draft, and sends it as another message", async () => {
    const { account, options } = await googleApi("gmail.modify");
    const message = { raw: raw("To: ada@example.com\nSubject: Draft\n\nx") };
    const { data: draft } = await api.users.drafts.create({ userId, requestBody: { message } }, options);
    const { data: sent } = await api.users.drafts.send({ userId, requestBody: { id: draft.id } }, options);
    expect(sent.id).not.toBe(draft.message!.id);
    expect([...account.mailbox.messages.values()].map(({ labelIds }) => labelIds)).toEqual([["SENT"]]);
  });

  it("lets mail arrive through the control API, and continues from a snapshot", async () => {
    const { sandbox, account } = await googleApi("gmail.readonly");
    const { id } = await act(sandbox, "POST", "/messages", { from: "ada@example.com", subject: "Hi", text: "Hi" });
    await act(sandbox, "PATCH", `/messages/${String(id)}`, { add: ["STARRED"], remove: ["UNREAD"] });
    expect(account.mailbox.messages.get(String(id))!.labelIds).toEqual(["INBOX", "STARRED"]);
    await act(sandbox, "POST", "/labels", { name: "Customers" });
    const { edits } = await act(sandbox, "POST", "/edits", { count: 20, of: ["gmail"] });
    expect(new Set((edits as { kind: string }[]).map(({ kind }) => kind))).toContain("received");
    await act(sandbox, "DELETE", `/messages/${String(id)}`);
    const continued = await createSandbox({ snapshot: structuredClone(sandbox.google.snapshot()) });
    const { mailbox } = continued.google.account();
    await continued.stop();
    expect(mailbox.snapshot()).toEqual(account.mailbox.snapshot());
  });
});
