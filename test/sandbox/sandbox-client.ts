import { createHash, randomBytes } from "node:crypto";
import { people } from "googleapis/build/src/apis/people/index.js";
import type { people_v1 } from "googleapis/build/src/apis/people/v1.js";
import type { Sandbox } from "../../runtime/sandbox/index.ts";

export const CONTACTS = "https://www.googleapis.com/auth/contacts";
export const CONTACTS_READONLY = "https://www.googleapis.com/auth/contacts.readonly";
export const OTHER_CONTACTS = "https://www.googleapis.com/auth/contacts.other.readonly";
export const REDIRECT_URI = "http://127.0.0.1:9/callback";

export interface Tokens {
  access_token: string;
  refresh_token?: string;
  expires_in: number;
  scope: string;
  token_type: string;
}

/** The query of an authorization request with PKCE, and the verifier that goes with it. */
export function authorization(sandbox: Sandbox, parameters: Record<string, string> = {}) {
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    client_id: sandbox.client.clientId,
    redirect_uri: REDIRECT_URI,
    response_type: "code",
    scope: CONTACTS,
    state: "state-1",
    access_type: "offline",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...parameters,
  });
  return { verifier, url: `${sandbox.servers["google-contacts"].authorizationUrl}?${query}` };
}

/** Reads the consent page and sends it back as a browser would; gives what the redirect carries. */
export async function consent(
  url: string,
  choice: { decision?: "approve" | "deny"; account?: string; untick?: string[] } = {},
): Promise<URLSearchParams> {
  const html = await (await fetch(url)).text();
  const ticked = [...html.matchAll(/type="checkbox" name="scope" value="([^"]+)" checked/g)].map((match) => match[1]!);
  const account = choice.account ?? /name="account" value="([^"]+)" checked/.exec(html)![1]!;
  const form = new URLSearchParams({ account, decision: choice.decision ?? "approve" });
  for (const scope of ticked) if (!choice.untick?.includes(scope)) form.append("scope", scope);
  const answer = await fetch(url, { method: "POST", body: form, redirect: "manual" });
  return new URL(answer.headers.get("location")!).searchParams;
}

export async function token(sandbox: Sandbox, form: Record<string, string>): Promise<Response> {
  const { clientId, clientSecret } = sandbox.client;
  const body = new URLSearchParams({ client_id: clientId, client_secret: clientSecret, ...form });
  return fetch(sandbox.servers["google-contacts"].tokenUrl, { method: "POST", body });
}

/** Tokens by the whole authorization-code flow. */
export async function signIn(
  sandbox: Sandbox,
  parameters: Record<string, string> = {},
  choice: Parameters<typeof consent>[1] = {},
): Promise<Tokens> {
  const { url, verifier } = authorization(sandbox, parameters);
  const code = (await consent(url, choice)).get("code")!;
  const form = { grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI, code_verifier: verifier };
  return (await (await token(sandbox, form)).json()) as Tokens;
}

/** The real client library, pointed at the sandbox; `options` goes with every call. */
export async function connect(sandbox: Sandbox, scope = `${CONTACTS} ${OTHER_CONTACTS}`, account?: string) {
  const tokens = await signIn(sandbox, { scope, prompt: "consent" }, { account });
  const api: people_v1.People = people({ version: "v1" });
  const options = {
    rootUrl: `${sandbox.url}/`,
    retry: false,
    headers: { authorization: `Bearer ${tokens.access_token}` },
  };
  return { api, options, tokens };
}

/** What a failed call was answered with. */
export async function failure(call: Promise<unknown>): Promise<{ status: number; body: GoogleErrorBody }> {
  try {
    await call;
  } catch (error) {
    const { response } = error as { response: { status: number; data: GoogleErrorBody } };
    return { status: response.status, body: response.data };
  }
  throw new Error("The call succeeded.");
}

export interface GoogleErrorBody {
  error: { code: number; message: string; status: string; details?: { reason?: string }[] };
}

/** What of the control API's answers the tests look at closely. */
export interface ControlBody {
  resourceName: string;
  name: string;
  code: string;
  message: string;
  edits: { kind: string; resourceName: string }[];
  routes: string[];
  faults: Record<string, string>;
}

export async function control(sandbox: Sandbox, method: string, path: string, body?: object) {
  const answer = await fetch(`${sandbox.url}/control${path}`, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return { status: answer.status, body: (await answer.json()) as ControlBody };
}
