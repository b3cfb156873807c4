import { describe, expect, it } from "vitest";
import { decodeResponse } from "../../../runtime/vendor/codecs/codecs.ts";
import { decodeMimeTree } from "../../../runtime/vendor/codecs/mime-tree.ts";

const data = (text: string | Buffer) => Buffer.from(text as string).toString("base64url");
const headers = (given: Record<string, string>) => Object.entries(given).map(([name, value]) => ({ name, value }));

describe("a decoded tree of MIME parts", () => {
  it("has addresses, ids and the date of its headers, whatever their case", () => {
    const mail = decodeMimeTree({
      mimeType: "text/plain",
      headers: headers({
        FROM: '"Lovelace, Ada" <ada@example.com>',
        to: "Friends: bob@example.com, Eve <eve@example.com>; mary@example.com",
        Subject: "=?iso-8859-1?Q?Gr=FC=DFe?= =?UTF-8?B?8J+YgA==?=",
        Date: "Sat, 21 Nov 2026 23:00:00 +0100",
        "Message-Id": " <a@example.com>",
        "In-Reply-To": "<b@example.com>",
        References: "<c@example.com>\r\n <b@example.com>",
      }),
      body: { data: data("Hi") },
    });
    expect(mail).toMatchObject({
      from: { value: "ada@example.com", name: "Lovelace, Ada" },
      to: [{ value: "bob@example.com" }, { value: "eve@example.com", name: "Eve" }, { value: "mary@example.com" }],
      subject: "Grüße😀",
      date: "2026-11-21T22:00:00.000Z",
      messageId: "a@example.com",
      inReplyTo: "b@example.com",
      references: ["c@example.com", "b@example.com"],
      text: "Hi",
    });
  });

  it("has both texts and every file of nested parts; a text file is a file", () => {
    const disposition = (value: string, more: object = {}) => headers({ "Content-Disposition": value, ...more });
    const mail = decodeMimeTree({
      mimeType: "multipart/mixed",
      headers: [],
      parts: [
        {
          mimeType: "multipart/alternative",
          parts: [
            { mimeType: "text/plain", body: { data: data("Plain") } },
            { mimeType: "text/html", body: { data: data("<b>HTML</b>") } },
          ],
        },
        {
          mimeType: "text/plain",
          filename: "a.txt",
          headers: disposition("attachment"),
          body: { attachmentId: "f1", size: 3 },
        },
        {
          mimeType: "image/png",
          headers: disposition("inline", { "Content-ID": "<logo>" }),
          body: { attachmentId: "f2", size: 9 },
        },
      ],
    });
    expect(mail).toEqual({
      headers: [],
      text: "Plain",
      html: "<b>HTML</b>",
      attachments: [
        { id: "f1", name: "a.txt", mediaType: "text/plain", size: 3 },
        { id: "f2", mediaType: "image/png", size: 9, inline: true, contentId: "logo" },
      ],
    });
  });

  it("is in the charset of its header where it is not UTF-8, and readable where the charset is unknown", () => {
    const latin = (charset: string) =>
      decodeMimeTree({
        mimeType: "text/plain",
        headers: headers({ "Content-Type": `text/plain; charset="${charset}"` }),
        body: { data: data(Buffer.from("Grüße", "latin1")) },
      });
    expect(latin("iso-8859-1")).toMatchObject({ text: "Grüße" });
    expect(latin("x-unknown")).toMatchObject({ text: "Grüße" });
    const utf8 = {
      mimeType: "text/plain",
      headers: headers({ "Content-Type": "text/plain; charset=iso-8859-1" }),
      body: { data: data("Grüße") },
    };
    expect(decodeMimeTree(utf8)).toMatchObject({ text: "Grüße" });
  });

  it("lists a mail that was forwarded as a file, and takes nothing out of it", () => {
    const forwarded = {
      mimeType: "message/rfc822",
      filename: "old.eml",
      body: { attachmentId: "f1", size: 20 },
      parts: [{ mimeType: "text/plain", body: { data: data("Old") } }],
    };
    const parts = [{ mimeType: "text/plain", body: { data: data("New") } }, forwarded];
    expect(decodeMimeTree({ mimeType: "multipart/mixed", parts })).toEqual({
      headers: [],
      text: "New",
      attachments: [{ id: "f1", name: "old.eml", mediaType: "message/rfc822", size: 20 }],
    });
  });

  it("has no file where only the headers of several parts are given", () => {
    expect(decodeMimeTree({ mimeType: "multipart/alternative", headers: [] })).toEqual({ headers: [] });
  });

  it("has nothing of what a bare mail lacks", () => {
    expect(decodeMimeTree({})).toEqual({ headers: [] });
    expect(decodeMimeTree({ headers: headers({ Date: "yesterday", From: "" }) })).toEqual({
      headers: headers({ Date: "yesterday", From: "" }),
    });
  });

  it.each([
    [50, { headers: [], text: "deep" }],
    [51, { headers: [] }],
  ])("has what lies %i parts deep: fifty at most", (depth, mail) => {
    let part: object = { mimeType: "text/plain", body: { data: data("deep") } };
    for (let i = 0; i < depth; i++) part = { mimeType: "multipart/mixed", parts: [part] };
    expect(decodeMimeTree(part)).toEqual(mail);
  });

  it("ends at parts that are nested without end", () => {
    let part: object = { mimeType: "text/plain", body: { data: data("deep") } };
    for (let i = 0; i < 10_000; i++) part = { mimeType: "multipart/mixed", parts: [part] };
    expect(decodeMimeTree(part)).toEqual({ headers: [] });
  });
});

describe("decoding an answer", () => {
  const answer = (body: unknown) => ({ status: 200, headers: {}, url: "", body });

  it("goes through lists, and leaves what is not there and the answer itself as they were", async () => {
    const given = answer({ messages: [{ payload: {} }, { id: 1 }] });
    const { body } = await decodeResponse({ "body.messages.payload": "mimeTree" }, given);
    expect(body).toEqual({ messages: [{ payload: { headers: [] } }, { id: 1 }] });
    expect(given.body).toEqual({ messages: [{ payload: {} }, { id: 1 }] });
    expect((await decodeResponse({ "body.payload": "mimeTree" }, answer(null))).body).toBeNull();
  });

  it("turns base64url into plain Base64", async () => {
    const bytes = Buffer.from([0xfb, 0xff, 0xfe]);
    const { body } = await decodeResponse({ "body.data": "base64url" }, answer({ data: bytes.toString("base64url") }));
    expect(body).toEqual({ data: bytes.toString("base64") });
  });

  it.each<[string, object]>([
    ["a part that is null", { parts: [null, { mimeType: "text/plain", body: { data: data("Hello") } }] }],
    ["a list within a list", { parts: [[], { mimeType: "text/plain", body: { data: data("Hello") } }] }],
    ["parts that are no list", { parts: {}, mimeType: "text/plain", body: { data: data("Hello") } }],
    ["headers that are null", { headers: null, body: { data: data("Hello") } }],
    [
      "a header without a value",
      { headers: [null, { name: "Subject" }, { value: "x" }], body: { data: data("Hello") } },
    ],
    ["a header whose value is a number", { headers: [{ name: "Date", value: 3 }], body: { data: data("Hello") } }],
    ["a type that is no text", { mimeType: 7, filename: null, body: { data: data("Hello"), size: "5" } }],
    [
      "bodies that are null, or without text",
      { parts: [{ body: null }, { body: { data: 5 } }, { body: { data: data("Hello") } }] },
    ],
  ])("reads the rest of a message with %s", (_name, payload) => {
    expect(decodeMimeTree(payload)).toEqual({ headers: [], text: "Hello" });
  });
});
