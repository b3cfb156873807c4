import type { Answer } from "./vendor.ts";

/** A Google account, as far as the cases tell it apart from another. */
export interface GoogleAccount {
  /** Of its tokens and its stable ids. */
  name: string;
  /** What it is called: its address, and the title of its calendar and its first list. */
  label: string;
  /** Answer of people/me; a `status` is that of an error. */
  peopleMe?: { status?: number; [field: string]: unknown };
  contacts?: string[];
  defaultList?: { id: string; title: string };
}

const ok = (path: string, body: object, query?: Answer["query"]): Answer => ({
  path,
  ...(query && { query }),
  answer: { status: 200, body },
});
const error = (path: string, code: number, status: string, more: object = {}): Answer => ({
  path,
  answer: { status: code, body: { error: { code, status, message: status, ...more } } },
});

/** What Google answers to requests with the account's access token. */
export function answersOf({ name, label, peopleMe, contacts = [], defaultList }: GoogleAccount): Answer[] {
  const list = defaultList ?? { id: `L${name}`, title: label };
  const people = contacts.map((id) => ({ resourceName: `people/${id}`, etag: "1", names: [{ givenName: id }] }));
  const me: GoogleAccount["peopleMe"] & object = peopleMe ?? {
    resourceName: `people/${name}`,
    emailAddresses: [{ value: label }],
  };
  const nextSyncToken = `sync-${name}-${contacts.join("-")}`;
  const expired = [{ reason: "EXPIRED_SYNC_TOKEN" }];
  const answers = [
    me.status === undefined ? ok("/people/me$", me) : error("/people/me$", me.status, "UNAVAILABLE"),
    ok("/connections$", { nextSyncToken }, { syncToken: nextSyncToken }),
    ok("/connections$", { connections: people, nextSyncToken }, { syncToken: null }),
    error("/connections$", 400, "FAILED_PRECONDITION", { details: expired }),
    ok("/profile$", { emailAddress: label, historyId: "100" }),
    ok("/history$", { historyId: "100" }),
    ok("/lists/@default$", list),
    ok("/users/@me/lists$", { items: [list] }),
    ok(`/lists/${list.id}/tasks$`, { items: [{ id: `task-${name}`, etag: "1", title: name, status: "needsAction" }] }),
    ok("/calendars/primary$", { id: `${name}-primary`, summary: label }),
    ok("/events$", { summary: label, items: [], nextSyncToken }),
    ok("/userinfo$", { sub: name, id: name, email: label }),
  ];
  return answers.map((answer) => ({ ...answer, token: `access-${name}` }));
}

/** What Google answers to the code of the account, asked with the scope `openid`. */
export function grantOf(name: string, { refreshToken }: { refreshToken: boolean }): Answer {
  const claims = { iss: "https://accounts.google.com", aud: "client-of-a-case", sub: `sub-${name}` };
  const idToken = [{ alg: "RS256" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const tokens = {
    access_token: `access-${name}`,
    token_type: "Bearer",
    expires_in: 3600,
    id_token: `${idToken.join(".")}.signature`,
  };
  return ok("^/token$", { ...tokens, ...(refreshToken && { refresh_token: `refresh-${name}` }) });
}

/** What Google answers once it has ended all tokens. */
export const ENDED: readonly Answer[] = [
  { path: "^/token$", answer: { status: 400, body: { error: "invalid_grant" } } },
  error("", 401, "UNAUTHENTICATED"),
];

export const REVOKED = ok("^/revoke$", {});
