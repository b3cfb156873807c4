import express from "express";
import type { ErrorRequestHandler, Router } from "express";
import { HooklineError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import { unknownRoute } from "../control-input.ts";
import { addMessage } from "./conversations.ts";
import { HighLevelError } from "./errors.ts";
import { OPERATIONS } from "./operations.ts";
import { sentence, type Collection, type HighLevel, type Row } from "./state.ts";

/**
 * The control API of the simulated HighLevel: what people do in its app where its API has no way, and what goes wrong.
 * JSON in, JSON out, no authentication.
 */
export function highLevelControl(highLevel: HighLevel): Router {
  const router = express.Router();
  const routes: [method: string, path: string][] = [];
  const on: On = (method, path, act) => {
    routes.push([method.toUpperCase(), path]);
    router[method](path, (request, response) => {
      const body = isObject(request.body) ? request.body : {};
      response.json(act(body, String(request.params["id"] ?? "")) ?? {});
    });
  };
  on("post", "/settings", (body) => Object.assign(highLevel.settings, numbers(body, Object.keys(highLevel.settings))));
  on("post", "/expire-access-tokens", () => highLevel.oauth.expireAccessTokens());
  on("post", "/uninstall", () => highLevel.oauth.uninstall());
  on("post", "/locations/:id/uninstall", (_body, id) => highLevel.install(id, false));
  on("post", "/locations/:id/install", (_body, id) => highLevel.install(id, true));
  on("post", "/private-tokens", ({ scopes, userType }) => {
    const granted = Array.isArray(scopes) ? scopes.map(String) : OPERATIONS.flatMap((operation) => operation.scopes);
    const access = highLevel.access(userType === "Company" ? "Company" : "Location", granted);
    return { token: highLevel.oauth.privateToken(access), locationId: highLevel.locationId };
  });
  on("post", "/messages", (body) => addMessage(highLevel, body));
  on("post", "/recordings/:id", ({ content }, id) => {
    highLevel.recordings.set(id, Buffer.from(typeof content === "string" ? content : "UklGRg==", "base64"));
  });
  on("post", "/transcriptions/:id", ({ transcript }, id) => {
    highLevel.transcriptions.set(id, [sentence(typeof transcript === "string" ? transcript : "Hello.")]);
  });
  for (const [name, collection] of Object.entries(highLevel.collections))
    records(on, `/${name}`, collection, highLevel);
  router.get("/", ({ baseUrl }, response) => {
    response.json({ routes: routes.map(([method, path]) => `${method} ${baseUrl}${path}`) });
  });
  router.use(unknownRoute);
  router.use(answerError);
  return router;
}

type On = (method: "get" | "post" | "patch" | "delete", path: string, act: (body: Row, id: string) => unknown) => void;

/** Records of one kind, changed behind the API's back. */
function records(on: On, path: string, collection: Collection, highLevel: HighLevel): void {
  on("get", path, () => collection.list());
  on("post", path, (body) => collection.put({ id: highLevel.newId(), ...body }));
  on("patch", `${path}/:id`, (body, id) => collection.change(id, body));
  on("delete", `${path}/:id`, (_body, id) => collection.remove(id));
}

function numbers(body: Row, names: readonly string[]): Record<string, number> {
  const faulty = Object.entries(body).find(([name, value]) => !names.includes(name) || typeof value !== "number");
  if (!faulty) return body as Record<string, number>;
  throw new HooklineError(
    "invalid_input",
    `settings: "${faulty[0]}" is not one, or no number; there are ${names.join(", ")}.`,
  );
}

const answerError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (error instanceof HooklineError)
    response.status(error.code === "not_found" ? 404 : 400).json({ code: error.code, message: error.message });
  else if (error instanceof HighLevelError)
    response.status(error.status).json({ code: "not_found", message: error.message });
  else next(error);
};
