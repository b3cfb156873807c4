import type { Request } from "express";
import { HooklineError, type ErrorCode } from "../../core/errors.ts";
import type { Log } from "../../core/log.ts";
import type { Scope } from "../../model/principal.ts";
import { routesOf, type PublicCall, type Reply, type Route } from "../../model/route.ts";
import { makeConsentCookie, readConsentCookies } from "../consent-cookie.ts";
import { html, page } from "../page.ts";
import { toProblem } from "../problem.ts";
import type { Services } from "../services.ts";

export interface OAuthRoutesOptions {
  log: Log;
  /** Who is there by the host's own login, or null; undefined where the host has none. */
  visitorOf: ((request: Request) => Promise<Scope | null>) | undefined;
  /** How the pages call the embedding product. */
  productName: string;
}

type Query = Record<string, string | string[]>;
type Visit = PublicCall<Services, Query>;

/** The pages on which a person begins OAuth, and the route to which vendors send people back. */
export function oauthRoutes({ log, visitorOf, productName }: OAuthRoutesOptions): Route[] {
  const { publicRoute } = routesOf<Services>();
  /** Whatever goes wrong is told to a person, on a page. */
  const paged =
    (visit: (call: Visit, services: Services, visitor: Scope | null | undefined) => Promise<Reply>) =>
    async (call: Visit): Promise<Reply> => {
      try {
        const services = await call.open();
        return await visit(call, services, await visitorOf?.(call.request));
      } catch (error) {
        log.warn({ error }, "an authorization could not be begun or finished");
        return failurePage(error);
      }
    };
  const titleOf = ({ connectors }: Services, connector: string) =>
    connectors.get(connector)?.manifest.title ?? connector;
  const start = {
    path: "/v1/oauth/start/{token}",
    tag: "connections",
    params: { token: "The token of an `authorizeUrl`." },
    openQuery: true,
    ignoresBody: true,
  } as const;

  return [
    publicRoute<Query>({
      ...start,
      method: "get",
      operationId: "startOAuth",
      summary: "The page of an `authorizeUrl`: says what is connected for whom, and uses nothing up",
      responses: { 200: { description: "A page with a button.", contentType: "text/html" }, ...FAILURES },
      handler: paged(async ({ params, base }, services, visitor) => {
        const { connector, user } = await services.accounts.lookAtOAuth(params["token"]!, visitor);
        return startPage(titleOf(services, connector), productName, user, callbackOf(base));
      }),
    }),
    publicRoute<Query>({
      ...start,
      method: "post",
      operationId: "beginOAuth",
      summary: "The button of that page: begins the authorization in this browser",
      responses: { 303: { description: "A redirect to the vendor, with a cookie for the callback." }, ...FAILURES },
      handler: paged(async ({ params, base, headers }, { accounts }, visitor) => {
        const callback = callbackOf(base);
        assertOwnForm(callback.origin, headers);
        const { session, header } = makeConsentCookie(callback);
        const location = await accounts.beginOAuth(params["token"]!, session, visitor);
        return { status: 303, headers: { location, "set-cookie": header } };
      }),
    }),
    publicRoute<Query>({
      method: "get",
      path: CALLBACK_PATH,
      operationId: "finishOAuth",
      summary: "The OAuth callback: finishes the authorization in the browser in which it was begun",
      tag: "connections",
      // Without types: what is wrong with them is told on a page as well.
      query: {
        state: { description: "The state that was sent to the vendor." },
        code: { description: "The authorization code." },
        error: { description: "The vendor's error in place of a code." },
      },
      openQuery: true,
      responses: {
        200: { description: "A page that says what was connected for whom.", contentType: "text/html" },
        303: { description: "A redirect to `returnTo`." },
        ...FAILURES,
      },
      handler: paged(async ({ query, base, headers }, services, visitor) => {
        const sessions = readConsentCookies(callbackOf(base), headers.cookie);
        const callback = new URLSearchParams(query as Record<string, string>);
        const finished = await services.accounts.finishOAuth(callback, sessions, visitor);
        const { connection, returnTo, account, confirmation } = finished;
        if (returnTo !== null) return { status: 303, headers: { location: returnTo } };
        const title = titleOf(services, connection.connector);
        const what = account === null ? `Your ${title} account` : `${account} (${title})`;
        if (confirmation !== null) return confirmationPage(what, productName, connection.user, confirmation);
        return connection.status === "active"
          ? connectedPage(what, productName, connection.user)
          : waitingPage(title, productName, connection.user);
      }),
    }),
  ];
}

const CALLBACK_PATH = "/v1/oauth/callback";

/** The callback as browsers see it. */
function callbackOf(base: string): URL {
  return new URL(base + CALLBACK_PATH, "http://localhost");
}

/**
 * Only the button of our own page begins: another site's form would take a person past what the page says.
 * Browsers that hide where a form comes from send `Origin: null`.
 */
function assertOwnForm(origin: string, headers: Request["headers"]): void {
  const site = headers["sec-fetch-site"];
  const from = headers.origin;
  const isOwn = site === undefined ? from === undefined || from === origin : site === "same-origin";
  if (isOwn && (from === undefined || from === "null" || from === origin)) return;
  throw new HooklineError(
    "forbidden",
    "This request comes from another site's page. Open the link itself, and use its button.",
  );
}

function startPage(title: string, product: string, user: string, callback: URL): Reply {
  // Browsers hold redirects to it as well: the vendor's pages, whichever they are, and what follows them.
  const formAction = callback.protocol === "https:" ? "'self' https:" : "'self' https: http:";
  return page({
    status: 200,
    title: `Connect your ${title} account to ${product} for ${user}`,
    headline: html`Connect your ${title} account to ${product} for ${user}`,
    body: html`<p>
        ${title} will ask you to allow access to your account. What you allow can then be used by ${user} at ${product}.
      </p>
      <p>
        If you are not ${user}, or did not ask for this, close this page: whoever sent you the link would get access to
        your account.
      </p>
      <form method="post"><button>Continue to ${title}</button></form>`,
    formAction,
    // Without it, browsers would hide that the form comes from this page.
    referrer: "same-origin",
  });
}

function connectedPage(what: string, product: string, user: string): Reply {
  return page({
    status: 200,
    title: `${what} is connected to ${product} for ${user}`,
    headline: html`${what} is connected to ${product} for ${user}`,
    body: html`<p>
      You can close this window. If this is not the account you wanted, go back to ${product} and remove the connection.
    </p>`,
  });
}

function waitingPage(title: string, product: string, user: string): Reply {
  return page({
    status: 200,
    title: `Your ${title} account is almost connected to ${product} for ${user}`,
    headline: html`Your ${title} account is almost connected to ${product} for ${user}`,
    body: html`<p>
      Access was granted, but ${title} does not answer just now. The connection becomes active by itself as soon as it
      does. You can close this window.
    </p>`,
  });
}

function confirmationPage(what: string, product: string, user: string, code: string): Reply {
  return page({
    status: 200,
    title: `Confirm that ${what} is connected to ${product} for ${user}`,
    headline: html`Confirm that ${what} is connected to ${product} for ${user}`,
    body: html`<p>Enter this code at ${product} within ten minutes:</p>
      <p><strong>${code}</strong></p>
      <p>
        Give it to nobody. If you did not begin this at ${product} as ${user}, close this page: nothing is connected
        then.
      </p>`,
  });
}

/** Whether a person looks at what a path answers, whatever it is. */
export function isPage(path: string): boolean {
  return path.startsWith("/v1/oauth/start/") || path === CALLBACK_PATH;
}

/** Constant text only: nothing of the request comes back. */
export function failurePage(error: unknown): Reply {
  const { status, code, detail } = toProblem(error, "");
  const sentence = code === "forbidden" ? detail : (EXPLANATIONS[code as ErrorCode] ?? SOMETHING_ELSE);
  return page({ status, title: "Not connected", body: html`<p>${sentence}</p>` });
}

const FAILURE = { description: "A page that names the problem and the remedy.", contentType: "text/html" };
const FAILURES = { 400: FAILURE, default: FAILURE };

const EXPLANATIONS: Partial<Record<ErrorCode, string>> = {
  invalid_input: "This link has expired or was used before. Go back and connect again.",
  connection_rejected: "Access was not granted. Go back and connect again.",
  account_mismatch:
    "This is another account than the one that was connected, which stays as it was. Go back, connect again and choose the right account; or have the connection moved to this account.",
  account_unproved:
    "The vendor did not prove which account this is, so the connection stays as it was. Go back and connect again in a few minutes, and agree to all that is asked; or have the connection moved to this account.",
  conflict: "The connection was changed meanwhile. Go back and connect again.",
  rate_limited: "There were too many requests. Try again in a minute.",
  stopped: "The service is just starting. Reload this page in a moment.",
};
const SOMETHING_ELSE = "Something did not work between this service and the vendor. Go back and try again later.";
