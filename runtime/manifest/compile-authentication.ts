import type {
  AuthenticationMethod,
  ExpiresIn,
  JwtBearerAuthentication,
  Proofs,
  SessionAuthentication,
  TokenAnswer,
} from "../../schemas/manifest.ts";
import { compileDerivation } from "./compile-derivation.ts";
import { mapValues, ofResponse } from "./compile-shared.ts";
import type {
  CompiledAuthentication,
  CompiledLifetime,
  CompiledSession,
  CompiledStatement,
  CompiledTokenAnswer,
} from "./compiled.ts";
import { toText, type Getter, type Scope } from "./expressions.ts";
import { compileRequest } from "./requests.ts";
import { ROOTS } from "./roots.ts";
import type { Site } from "./site.ts";

/** @throws HooklineError `invalid_expression` */
export function compileAuthentication(method: AuthenticationMethod, at: Site): CompiledAuthentication {
  const { capture, test, label, account } = method;
  const { grant, reconnectParams, derive } = method.type === "oauth2" ? method : {};
  const tokenParams = method.type === "oauth2" || !("tokenParams" in method) ? undefined : method.tokenParams;
  const tokenAnswer = "tokenAnswer" in method ? method.tokenAnswer : undefined;
  const present = "present" in method ? method.present : undefined;
  return {
    tokenParams: tokenParams && at.at("tokenParams").template(tokenParams, { roots: ROOTS.connection }),
    session: method.type === "session" ? compileSession(method, at) : undefined,
    statement: method.type === "jwtBearer" ? compileStatement(method, at) : undefined,
    lifetime: compileLifetime(method.type === "session" ? method : {}, at, ROOTS.loginAnswer),
    tokenAnswer: tokenAnswer && compileTokenAnswer(tokenAnswer, at.at("tokenAnswer")),
    present: present && at.at("present").template(present, { roots: presentRoots(method) }),
    capture: mapValues(capture, (name, place) => ofResponse(at.at("capture", name).expression(place, ROOTS.response))),
    test: test && compileRequest(test, ROOTS.connection, at.at("test")),
    label: label === undefined ? undefined : compileLabel(label, at.at("label")),
    account: compileProofs(account, at.at("account")),
    grant: compileProofs(grant, at.at("grant")),
    reconnectParams: mapValues(reconnectParams, (name, value) =>
      at.at("reconnectParams", name).template(value, { roots: ROOTS.connection }),
    ),
    derivation: derive && compileDerivation(derive, at.at("derive")),
  };
}

function compileSession({ login, token }: SessionAuthentication, at: Site): CompiledSession {
  return {
    login: compileRequest(login, ROOTS.login, at.at("login")),
    token: at.at("token").expression(token, ROOTS.loginAnswer),
  };
}

function compileStatement({ claims, header, key }: JwtBearerAuthentication, at: Site): CompiledStatement {
  const roots = ROOTS.statement;
  return {
    claims: at.at("claims").template(claims, { roots }),
    header: header && at.at("header").template(header, { roots }),
    key: at.at("key").expression(key, roots),
  };
}

function compileLifetime(
  { expiresIn, expiresAt }: { expiresIn?: ExpiresIn; expiresAt?: string },
  at: Site,
  roots: readonly string[],
): CompiledLifetime {
  const compile = (place: number | string, site: Site): Getter | number =>
    typeof place === "number" ? place : site.expression(place, roots);
  const places = at.at("expiresIn");
  return {
    at: expiresAt === undefined ? undefined : at.at("expiresAt").expression(expiresAt, roots),
    within: Array.isArray(expiresIn)
      ? expiresIn.map((place, i) => compile(place, places.at(i)))
      : expiresIn === undefined
        ? []
        : [compile(expiresIn, places)],
  };
}

function compileTokenAnswer({ accessToken, refreshToken, scope, ...ends }: TokenAnswer, at: Site): CompiledTokenAnswer {
  const read = (name: string, place: string | undefined): Getter | undefined =>
    place === undefined ? undefined : at.at(name).expression(place, ROOTS.response);
  return {
    accessToken: read("accessToken", accessToken),
    refreshToken: read("refreshToken", refreshToken),
    scope: read("scope", scope),
    lifetime: Object.keys(ends).length === 0 ? undefined : compileLifetime(ends, at, ROOTS.response),
  };
}

function presentRoots(method: AuthenticationMethod): readonly string[] {
  if (method.type === "custom") return ROOTS.present;
  return "credentials" in method ? ROOTS.presentToken : ROOTS.presentGranted;
}

function compileProofs(proofs: Proofs | undefined, at: Site): ReadonlyMap<string, Getter> {
  return mapValues(proofs, (name, value) => at.at(name).template(value, { roots: ROOTS.proof }));
}

/** A single expression or text with expressions inside; either way a label is text. */
function compileLabel(label: string, at: Site): (scope: Scope) => string {
  const get = at.template(label, { roots: ROOTS.label });
  return (scope) => toText(get(scope));
}
