import type { ErrorCode } from "../../core/errors.ts";
import type { Log } from "../../core/log.ts";
import { toProblem } from "../problem.ts";
import { routesOf, type Reply, type Route } from "../../model/route.ts";
import type { Services } from "../services.ts";

export interface OAuthRoutesOptions {
  log: Log;
}

type Callback = Record<string, string | string[]>;

/** The route to which vendors send people back. */
export function oauthRoutes({ log }: OAuthRoutesOptions): Route[] {
  return [
    routesOf<Services>().publicRoute<Callback>({
      method: "get",
      path: "/v1/oauth/callback",
      operationId: "finishOAuth",
      summary: "The OAuth callback: finishes the authorization",
      tag: "connections",
      // Without types: what is wrong with them is told on a page as well.
      query: {
        state: { description: "The state that was sent to the vendor." },
        code: { description: "The authorization code." },
        error: { description: "The vendor's error in place of a code." },
      },
      openQuery: true,
      responses: {
        200: { description: "A page that confirms the connection.", contentType: "text/html" },
        303: { description: "A redirect to `returnTo`." },
        ...FAILURES,
      },
      handler: async ({ open, query }) => {
        try {
          const { accounts } = await open();
          const { returnTo } = await accounts.finishOAuth(new URLSearchParams(query));
          if (returnTo !== null) return { status: 303, headers: { location: returnTo } };
          return page(200, "Connected", "The account is connected. You can close this window.");
        } catch (error) {
          const { status, code } = toProblem(error, "");
          log.warn({ error }, "an authorization could not be finished");
          return page(status, "Not connected", EXPLANATIONS[code as ErrorCode] ?? SOMETHING_ELSE);
        }
      },
    }),
  ];
}

const FAILURES = Object.fromEntries(
  [400, 409, 422, 424, 429, 500, 502, 503, 504].map((status) => [
    status,
    { description: "A page that names the problem and the remedy.", contentType: "text/html" },
  ]),
);

const EXPLANATIONS: Partial<Record<ErrorCode, string>> = {
  invalid_input: "This link has expired or was used before. Go back and connect again.",
  connection_rejected: "Access was not granted, or it is another account than before. Go back and connect again.",
  conflict: "The connection was changed meanwhile. Go back and connect again.",
  stopped: "The service is just starting. Reload this page in a moment.",
};
const SOMETHING_ELSE = "Something did not work between this service and the vendor. Go back and try again later.";

/** Constant text only: nothing of the request comes back. */
function page(status: number, title: string, sentence: string): Reply {
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><p>${sentence}</p></html>\n`;
  return { status, body, headers: { "content-type": "text/html; charset=utf-8" } };
}
