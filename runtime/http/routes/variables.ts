import { HooklineError } from "../../core/errors.ts";
import { adminRoute, noContent, ok, userRoute, type Call, type Reply, type Route } from "../compat.ts";
import { ref } from "../../model/schema.ts";
import { newVariable, variableName } from "../schemas/variables.ts";

type Body = { value: unknown; secret?: boolean };
type Owner = (call: Call) => string | null;

/** The routes of one kind of owner, below its own path. */
function routesOf(
  path: string,
  {
    name,
    shown,
    params,
    make,
    owner,
  }: {
    /** In operation ids: `WorkspaceVariable`. */
    name: string;
    /** In summaries. */
    shown: string;
    params: Record<string, string>;
    make: typeof userRoute;
    owner: Owner;
  },
): Route[] {
  const tag = "variables";
  const own = Object.keys(params).length > 0 ? { params } : {};
  const one = { tag, path: `${path}/{name}`, params: { ...params, name: variableName } };
  const answer = { 200: { description: "The variable.", schema: ref("Variable") } };
  return [
    make({
      ...own,
      tag,
      method: "get",
      path,
      operationId: `list${name}s`,
      summary: `All variables of ${shown}`,
      responses: { 200: { description: "All of them.", schema: ref("Variables") } },
      handler: async (call) => ok({ data: await call.services.variables.list(owner(call)) }),
    }),
    make({
      ...one,
      method: "get",
      operationId: `get${name}`,
      summary: `A variable of ${shown}, without its value when it is secret`,
      responses: answer,
      handler: async (call) => ok(await call.services.variables.get(owner(call), call.params["name"]!)),
    }),
    make<Body>({
      ...one,
      method: "put",
      operationId: `set${name}`,
      summary: `Sets a variable of ${shown}`,
      body: newVariable,
      responses: answer,
      problems: [409],
      handler: async (call) => ok(await call.services.variables.set(owner(call), call.params["name"]!, call.body)),
    }),
    make({
      ...one,
      method: "delete",
      operationId: `delete${name}`,
      summary: `Removes a variable of ${shown}`,
      responses: { 204: { description: "It is gone." } },
      handler: async (call): Promise<Reply> => {
        await call.services.variables.remove(owner(call), call.params["name"]!);
        return noContent;
      },
    }),
  ];
}

/** A user finds nothing under another's name. */
function ownerInPath({ principal, params }: Call): string {
  const user = params["user"]!;
  if (principal.role === "admin" || principal.user === user) return user;
  throw new HooklineError("not_found", "There are no such variables; a user token finds its own user's only");
}

export const variableRoutes: Route[] = [
  ...routesOf("/v1/workspace/variables", {
    name: "WorkspaceVariable",
    shown: "the workspace",
    params: {},
    make: adminRoute,
    owner: () => null,
  }),
  ...routesOf("/v1/users/{user}/variables", {
    name: "UserVariable",
    shown: "a user",
    params: { user: "Id of the user" },
    make: userRoute,
    owner: ownerInPath,
  }),
];
