import type { Request, Response } from "express";
import type { RequestLog } from "../routes.ts";
import type { Route } from "../route.ts";
import { highLevelAnswers } from "./errors.ts";
import { TokenRefusal, type TokenAnswer } from "./oauth.ts";
import { OPERATIONS } from "./operations.ts";
import type { HighLevel } from "./state.ts";

/** The page where a person chooses a location or the agency, and the token endpoint; token requests are counted by grant type too. */
export function oauthRoutes(highLevel: HighLevel, prefix: string, requests: RequestLog): Route[] {
  const answers = highLevelAnswers;
  const path = `${prefix}/oauth/chooselocation`;
  return [
    {
      id: "highlevel.oauth.choose",
      method: "GET",
      path,
      answers,
      handle: (request, response) => {
        const fault = authorizationFault(highLevel, queryOf(request));
        if (fault) response.status(400).type("text").send(fault);
        else response.type("html").send(choicePage(highLevel));
      },
    },
    {
      id: "highlevel.oauth.consent",
      method: "POST",
      path,
      answers,
      handle: (request, response) => {
        const query = queryOf(request);
        const fault = authorizationFault(highLevel, query);
        if (fault) return void response.status(400).type("text").send(fault);
        response.redirect(302, redirectTarget(highLevel, query, formOf(request)));
      },
    },
    {
      id: "highlevel.oauth.token",
      method: "POST",
      path: `${prefix}/oauth/token`,
      answers,
      handle: (request, response) => {
        const form = formOf(request);
        const grant = form.get("grant_type") ?? "none";
        requests.count(`highlevel.oauth.token.${grant}`);
        answerToken(response, () => {
          if (grant === "authorization_code") return highLevel.oauth.exchange(form);
          if (grant === "refresh_token") return highLevel.oauth.refresh(form);
          throw new TokenRefusal("unsupported_grant_type", `Unsupported grant type: ${grant}`);
        });
      },
    },
  ];
}

const SCOPES = new Set(OPERATIONS.flatMap(({ scopes }) => scopes));

function authorizationFault(highLevel: HighLevel, query: URLSearchParams): string | undefined {
  const client = highLevel.oauth.client(query.get("client_id"));
  if (!client) return "error: the app was not found";
  const redirect = URL.parse(query.get("redirect_uri") ?? "");
  const loopback = redirect !== null && ["localhost", "127.0.0.1", "[::1]"].includes(redirect.hostname);
  if (!loopback && !client.redirectUris.includes(query.get("redirect_uri") ?? "")) return "error: invalid redirect_uri";
  if (query.get("response_type") !== "code") return "error: response_type must be code";
  const unknown = scopesOf(query).find((scope) => !SCOPES.has(scope));
  return unknown === undefined ? undefined : `error: unknown scope ${unknown}`;
}

function redirectTarget(highLevel: HighLevel, query: URLSearchParams, form: URLSearchParams): string {
  const redirectUri = query.get("redirect_uri")!;
  const target = new URL(redirectUri);
  const userType = form.get("choice") === "Company" ? "Company" : "Location";
  if (form.get("decision") === "deny") target.searchParams.set("error", "access_denied");
  else {
    const access = highLevel.access(userType, scopesOf(query));
    target.searchParams.set(
      "code",
      highLevel.oauth.approve({ ...access, clientId: query.get("client_id")!, redirectUri }),
    );
  }
  const state = query.get("state");
  if (state !== null) target.searchParams.set("state", state);
  return target.href;
}

function choicePage({ collections }: HighLevel): string {
  const [company, location] = [collections.companies.list()[0]!, collections.locations.list()[0]!];
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Choose a location</title>
<h1>Choose a location</h1>
<p>Nothing here is real.</p>
<form method="post">
<p><label><input type="radio" name="choice" value="Location" checked> ${String(location["name"])}</label></p>
<p><label><input type="radio" name="choice" value="Company"> ${String(company["name"])} (agency)</label></p>
<button name="decision" value="approve">Proceed</button> <button name="decision" value="deny">Cancel</button>
</form>
</html>`;
}

function answerToken(response: Response, issue: () => TokenAnswer): void {
  try {
    response.json(issue());
  } catch (error) {
    if (!(error instanceof TokenRefusal)) throw error;
    response.status(error.status).json(error.body);
  }
}

function scopesOf(query: URLSearchParams): string[] {
  return (query.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
}

function queryOf(request: Request): URLSearchParams {
  return new URL(request.url, "http://sandbox").searchParams;
}

function formOf(request: Request): URLSearchParams {
  return new URLSearchParams(typeof request.body === "string" ? request.body : "");
}
