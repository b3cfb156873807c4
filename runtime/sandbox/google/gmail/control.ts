import { accountOf, found, list, optionalText, pick, text, type Body, type Handler } from "../../control-input.ts";
import type { Google } from "../google.ts";
import type { WrittenMail } from "./mail.ts";
import { renderMessage } from "./message.ts";

const FIELDS = ["from", "to", "cc", "subject", "text", "html", "attachments"];

/**
 * What happens in a mailbox: mail arrives (`from`, `subject`, `text`, `html`, `attachments: [{filename, mimeType, content}]` in
 * base64url; `labelIds` when not in the inbox and unread), labels come and go, history grows too old.
 */
export function gmailControl(google: Google): Record<string, Handler> {
  const mailbox = (body: Body) => accountOf(google, body).mailbox;
  const message = (body: Body, request: Parameters<Handler>[1]) =>
    found(mailbox(body).messages.get(String(request.params.id)), request);
  return {
    "post /messages": (body) => {
      const labelIds = body.labelIds === undefined ? undefined : list(body, "labelIds");
      const written = pick(body, FIELDS) as WrittenMail;
      return renderMessage(mailbox(body).receive(written, { labelIds, threadId: optionalText(body, "threadId") }));
    },
    "patch /messages/:id": (body, request) => {
      return renderMessage(
        mailbox(body).modify(message(body, request), list(body, "add"), list(body, "remove")),
        "minimal",
      );
    },
    "delete /messages/:id": (body, request) => {
      mailbox(body).delete(message(body, request));
      return { deleted: request.params.id };
    },
    "post /labels": (body) => mailbox(body).createLabel(text(body, "name")),
    "post /expire-history": (body) => {
      mailbox(body).expireHistory();
      return { historyId: mailbox(body).historyId };
    },
  };
}
