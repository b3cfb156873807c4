import { validate as isCron } from "node-cron";
import { isObject, joinPointer } from "../../core/json.ts";
import { authenticationMethods, unknownName, type Rule } from "./context.ts";

/** Scopes of streams, actions and of connecting are declared in the authentication. */
export const scopesAreDeclared: Rule = (context) => {
  const methods = authenticationMethods(context);
  const declared = methods.flatMap(({ value }) => ("scopes" in value ? Object.keys(value.scopes ?? {}) : []));
  if (declared.length === 0) return [];
  const needing = [
    ...[...context.streams, ...context.actions].map(({ value, pointer }) => ({
      scopes: value.scopes,
      pointer: `${pointer}/scopes`,
    })),
    ...methods.map(({ value, pointer }) => ({
      scopes: "connectScopes" in value ? value.connectScopes : [],
      pointer: `${pointer}/connectScopes`,
    })),
    ...methods.map(({ value, pointer }) => ({
      scopes: value.type === "oauth2" ? value.derive?.scopes : [],
      pointer: `${pointer}/derive/scopes`,
    })),
  ];
  return needing.flatMap(({ scopes = [], pointer }) =>
    scopes.flatMap((scope, i) =>
      [scope].flat().flatMap((one) => unknownName(`${pointer}/${i}`, "declared scope", one, declared)),
    ),
  );
};

/** Every address of the manifest is on an allowed host. */
export const hostsAreAllowed: Rule = (context) => {
  const allowed = context.sound("allowedHosts");
  const server = context.sound("server");
  if (!allowed) return [];
  const urls = [
    ...(server && "url" in server ? [{ url: server.url, pointer: "/server/url" }] : []),
    ...authenticationMethods(context).flatMap(({ value, pointer }) =>
      (["authorizationUrl", "tokenUrl", "revokeUrl"] as const).flatMap((key) => {
        const url = isObject(value) ? value[key] : undefined;
        return typeof url === "string" ? [{ url, pointer: `${pointer}/${key}` }] : [];
      }),
    ),
  ];
  const foreign = urls.flatMap(({ url, pointer }) => {
    const { hostname: host, port } = new URL(url);
    if (!isAllowed(host, allowed)) return [{ pointer, message: `"${host}" is not in allowedHosts; add it there` }];
    return port === "" ? [] : [{ pointer, message: `has port ${port}; hosts are called on the usual port of https` }];
  });
  const google = server && "googleapis" in server && !allowed.some((host) => host.endsWith("googleapis.com"));
  return google
    ? [
        ...foreign,
        { pointer: "/allowedHosts", message: `has no host of Google's; add "${server.googleapis.api}.googleapis.com"` },
      ]
    : foreign;
};

function isAllowed(host: string, allowed: readonly string[]): boolean {
  return allowed.some((entry) => entry === host || (entry.startsWith("*.") && host.endsWith(entry.slice(1))));
}

/** Ways of authentication differ in type, since the type chooses among them. */
export const authenticationTypesDiffer: Rule = (context) =>
  authenticationMethods(context).flatMap(({ name, pointer }, i, all) =>
    all.findIndex((other) => other.name === name) < i
      ? [{ pointer: `${pointer}/type`, message: `"${name}" is there already; each type can stand once` }]
      : [],
  );

/** Default schedules are cron expressions. */
export const schedulesParse: Rule = ({ triggers }) =>
  triggers.flatMap(({ value, pointer }) => {
    const cron = value.schedule?.default;
    return cron === undefined || isCron(cron)
      ? []
      : [
          {
            pointer: joinPointer(`${pointer}/schedule`, "default"),
            message: `"${cron}" is not a cron expression; for example "*/5 * * * *"`,
          },
        ];
  });
