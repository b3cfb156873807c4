import PostalMime from "postal-mime";
import { describe, expect, it } from "vitest";
import { encodeMimeMessage } from "../../../runtime/vendor/codecs/mime-message.ts";

const textOf = async (mail: object) => Buffer.from(await encodeMimeMessage(mail), "base64url").toString();

describe("an encoded mail", () => {
  it("has ASCII headers, CRLF line ends and no byte that base64url does not know", async () => {
    const mail = { to: ["Ädä <ada@example.com>"], subject: "Grüße, 日本", text: "one\ntwo\r\nthrée" };
    expect(await encodeMimeMessage(mail)).toMatch(/^[\w-]+$/);
    const text = await textOf(mail);
    expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    expect(text.split("\r\n\r\n")[0]).toMatch(/^[\x20-\x7e\r\n]*$/);
  });

  it("reads in another parser as it was written", async () => {
    const text = await textOf({
      from: "Desk <desk@example.com>",
      to: ['"Ada, Countess" <ada@example.com>', { value: "charles@example.com", name: 'Charles "C" Babbage' }],
      cc: ["mary@example.com"],
      bcc: ["secret@example.com"],
      replyTo: ["answers@example.com"],
      subject: "Grüße",
      text: "Plain ü",
      html: '<img src="cid:logo">ü',
      attachments: [
        { name: "pläne.txt", content: Buffer.from("content").toString("base64") },
        { name: "logo.png", mediaType: "image/png", content: "iVBORw==", contentId: "logo" },
      ],
      inReplyTo: "first@example.com",
      references: ["first@example.com", "<second@example.com>"],
    });
    const email = await PostalMime.parse(text);
    expect(email).toMatchObject({
      from: { name: "Desk", address: "desk@example.com" },
      cc: [{ address: "mary@example.com" }],
      bcc: [{ address: "secret@example.com" }],
      replyTo: [{ address: "answers@example.com" }],
      subject: "Grüße",
      inReplyTo: "<first@example.com>",
      references: "<first@example.com> <second@example.com>",
    });
    expect(email.to!.map(({ address }) => address)).toEqual(["ada@example.com", "charles@example.com"]);
    expect(email.text!.trim()).toBe("Plain ü");
    expect(email.html!.trim()).toBe('<img src="cid:logo">ü');
    expect(email.attachments.map(({ filename, mimeType }) => `${filename} ${mimeType}`).sort()).toEqual([
      "logo.png image/png",
      "pläne.txt text/plain",
    ]);
  });

  it("has a body although there is nothing to say", async () => {
    expect(await textOf({ to: ["ada@example.com"] })).toContain("Content-Type: text/plain");
  });

  it.each([
    "ada",
    "a@b.example, c@d.example",
    "Team: a@b.example;",
    "x\r\nBcc: e@f.example <a@b.example>",
    "a@b@c",
    "",
  ])("is refused for the address %j", async (address) => {
    await expect(encodeMimeMessage({ to: ["ada@example.com"], cc: [address] })).rejects.toMatchObject({
      code: "invalid_input",
      message: `cc: "${address}" is not an e-mail address; write ada@example.com or Ada <ada@example.com>`,
      faults: [{ pointer: "/cc/0", message: expect.any(String) as string }],
    });
  });

  it("keeps line breaks of a subject out of the headers", async () => {
    const text = await textOf({ to: ["ada@example.com"], subject: "Hello\r\nBcc: eve@example.com" });
    expect(text).not.toMatch(/^Bcc:/m);
  });

  it("takes a path or an address for text, never for something to read", async () => {
    const attachments = [{ name: "passwd", content: "", path: "/etc/passwd", href: "http://127.0.0.1/" }];
    const text = await textOf({ to: ["ada@example.com"], attachments });
    expect(text).not.toContain(Buffer.from("root:").toString("base64").slice(0, 6));
  });
});
