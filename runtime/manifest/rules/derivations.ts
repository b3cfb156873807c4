import type { Derive } from "../../../schemas/manifest.ts";
import { HooklineError } from "../../core/errors.ts";
import { isObject, joinPointer } from "../../core/json.ts";
import { readsDerived } from "../compile-derivation.ts";
import { compileAuthentication } from "../compile-authentication.ts";
import { Site } from "../site.ts";
import { authenticationMethods, type Rule, type RuleContext } from "./context.ts";

/** Derived connections ask for a token of their own, have an account of their own, and derive no further ones. */
export const derivationsTellConnectionsApart: Rule = (context) =>
  derivationsOf(context).flatMap(({ derive, method, pointer }) => {
    const { token, values } = derive;
    if (method.account === undefined)
      return [{ pointer, message: 'needs "account" beside it: what tells derived connections apart' }];
    const unread = [
      { part: token, at: `${pointer}/token`, what: "asks for the same token whatever it is for" },
      { part: values, at: `${pointer}/values`, what: "gives every derived connection the same values" },
    ].filter(({ part }) => !readsDerived(part));
    if (unread.length > 0) return unread.map(({ at, what }) => ({ pointer: at, message: `${what}; read $derived.id` }));
    return compiled(() => {
      const { account, derivation } = compileAuthentication(method, new Site());
      const [one, another] = ["1", "2"].map((id) => derivation!.values({ derived: { id }, connection: {} }));
      const proofs = (connection: unknown) => [...account.values()].map((read) => read({ connection }) ?? null);
      const isProved = proofs(one).some((proof, i) => proof !== null && proof !== proofs(another)[i]);
      return [
        ...(isProved
          ? []
          : [{ pointer: `${pointer}/values`, message: 'leaves "account" without a proof of which one it is' }]),
        ...(derivation!.isParent(one!)
          ? [{ pointer: `${pointer}/when`, message: "holds for derived connections too, from which none is derived" }]
          : []),
      ];
    });
  });

/** What is sent as the parent has one, and cannot be told to be about something else. */
export const parentsAreDerivedFrom: Rule = (context) => {
  const derivations = derivationsOf(context);
  const own = new Set(derivations.flatMap(({ derive: { values } }) => ownOf(values)));
  return [...context.streams, ...context.actions].flatMap(({ value, pointer }) => {
    if (value.as === undefined) return [];
    if (derivations.length === 0 && context.sound("authentication")) {
      const message = 'names a parent that no connection has; declare "derive" in an authentication of type oauth2';
      return [{ pointer: `${pointer}/as`, message }];
    }
    const properties = isObject(value.input?.["properties"]) ? Object.keys(value.input["properties"]) : [];
    return properties
      .filter((name) => own.has(name))
      .map((name) => ({
        pointer: joinPointer(`${pointer}/input/properties`, name),
        message: `is fixed by derive.values where the parent's credentials are used; read $connection.${name}`,
      }));
  });
};

const ownOf = (values: Derive["values"]): string[] => Object.keys(values).filter((name) => readsDerived(values[name]));

function derivationsOf(context: RuleContext) {
  return authenticationMethods(context).flatMap(({ value, pointer }) =>
    value.type === "oauth2" && value.derive
      ? [{ derive: value.derive, method: value, pointer: `${pointer}/derive` }]
      : [],
  );
}

/** What does not compile has its own faults. */
function compiled<Found>(find: () => Found[]): Found[] {
  try {
    return find();
  } catch (error) {
    if (error instanceof HooklineError) return [];
    throw error;
  }
}
