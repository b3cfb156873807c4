import type { Sandbox } from "../../runtime/sandbox/index.ts";
import manifest from "../../connector/highlevel/manifest.json" with { type: "json" };
import { openWorld, type World, type WorldOptions } from "../contract/world.ts";

const SCOPES = Object.keys(manifest.authentication.oneOf[0]!.scopes!);

/** A world with a connection by OAuth, of the location or of the agency. */
export function openHighLevel(
  userType: "Location" | "Company" = "Location",
  options: Partial<WorldOptions> = {},
): Promise<World> {
  return openWorld({
    connector: "highlevel",
    credentials: (sandbox) => {
      const { access_token, refresh_token } = tokens(sandbox, userType);
      return { type: "oauth2", accessToken: access_token, refreshToken: refresh_token };
    },
    inputs: ({ highLevel: { locationId, companyId } }) =>
      userType === "Location" ? { locationId, companyId, userType } : { companyId, userType },
    ...options,
  });
}

export function tokens({ highLevel, client }: Sandbox, userType: "Location" | "Company" = "Location", scopes = SCOPES) {
  return highLevel.oauth.issue(highLevel.access(userType, scopes), client.clientId);
}

/** Does in HighLevel's app what its API has no way to do. */
export async function control({ sandbox }: World, method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${sandbox.url}/control/highlevel${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return response.json();
}
