import { validate as isCron } from "node-cron";
import { joinPointer } from "../../core/json.ts";
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
