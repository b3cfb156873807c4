import { page, type Handlers } from "./api.ts";
import { HighLevelError } from "./errors.ts";
import { without } from "./state.ts";

/** Where an agency's app is installed, and the tokens an agency's token is exchanged for. */
export const installHandlers: Handlers = {
  "GET /oauth/installedLocations": ({ highLevel, access, query }) => {
    assertOwn(query.get("companyId"), access.companyId);
    const asked = query.get("isInstalled");
    const rows = highLevel.collections.locations
      .list({ companyId: access.companyId })
      .map((row) => ({ ...without(row, "id", "companyId"), _id: row["id"], isInstalled: highLevel.isInstalled(row) }))
      .filter(({ isInstalled }) => asked === null || String(isInstalled) === asked);
    return {
      locations: page(rows, query.get("skip"), query.get("limit"), 20),
      count: rows.length,
      installToFutureLocations: true,
    };
  },
  "POST /oauth/locationToken": ({ highLevel, access, body }) => {
    assertOwn(body["companyId"], access.companyId);
    const location = highLevel.collections.locations.list({ id: body["locationId"], companyId: access.companyId })[0];
    // Which status and words HighLevel has for this is documented nowhere.
    if (!location || !highLevel.isInstalled(location)) {
      throw new HighLevelError(400, "The app is not installed in this location");
    }
    return highLevel.oauth.exchangeForLocation(access, String(body["locationId"]));
  },
};

function assertOwn(companyId: unknown, own: string): void {
  if (companyId !== own) throw new HighLevelError(403, "The token does not have access to this company.");
}
