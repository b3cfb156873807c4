import type { Scope } from "../../model/principal.ts";
import { noContent, ok, routesOf, type Call, type Route } from "../../model/route.ts";
import { ref } from "../../model/schema.ts";
import { newVariable, type NewVariable } from "../../model/variables.ts";
import type { Services } from "../services.ts";

type Make = ReturnType<typeof routesOf<Services>>["userRoute"];
type VariableCall = Call<Services, NewVariable>;

const { userRoute, adminRoute } = routesOf<Services>();
const tag = "variables";

/** Who owns the variables of a path, and as whom they are asked for. */
const target = ({ params, scope }: VariableCall): [owner: string | null, scope: Scope] => [
  params["user"] ?? null,
  scope,
];

/** The routes of one kind of owner, below its own path. `name` is used in operation ids, `shown` in summaries. */
function variableRoutesOf(
  make: Make,
  path: string,
  { name, shown, params }: { name: string; shown: string; params?: Record<string, string> },
): Route[] {
  const nameParam = "Name of the variable: a letter, then letters, digits or _, at most 100 in all";
  const one = { tag, path: `${path}/{name}`, params: { ...params, name: nameParam } };
  const responses = { 200: { description: "The variable.", schema: ref("Variable") } };
  return [
    make<NewVariable>({
      tag,
      path,
      ...(params && { params }),
      method: "get",
      operationId: `list${name}s`,
      summary: `All variables of ${shown}`,
      responses: { 200: { description: "All of them.", schema: ref("Variables") } },
      handler: async (call) => ok(await call.services.variables.list(...target(call))),
    }),
    make<NewVariable>({
      ...one,
      method: "get",
      operationId: `get${name}`,
      summary: `A variable of ${shown}, without its value when it is secret`,
      responses,
      handler: async (call) => {
        const [owner, scope] = target(call);
        return ok(await call.services.variables.get(owner, call.params["name"]!, scope));
      },
    }),
    make<NewVariable>({
      ...one,
      method: "put",
      operationId: `set${name}`,
      summary: `Sets a variable of ${shown}`,
      body: newVariable,
      responses,
      problems: [409],
      handler: async (call) => {
        const [owner, scope] = target(call);
        return ok(await call.services.variables.set(owner, call.params["name"]!, call.body, scope));
      },
    }),
    make<NewVariable>({
      ...one,
      method: "delete",
      operationId: `delete${name}`,
      summary: `Removes a variable of ${shown}`,
      responses: { 204: { description: "The variable is gone." } },
      handler: async (call) => {
        const [owner, scope] = target(call);
        await call.services.variables.remove(owner, call.params["name"]!, scope);
        return noContent;
      },
    }),
  ];
}

export const variableRoutes: Route[] = [
  ...variableRoutesOf(adminRoute, "/v1/workspace/variables", { name: "WorkspaceVariable", shown: "the workspace" }),
  ...variableRoutesOf(userRoute, "/v1/users/{user}/variables", {
    name: "UserVariable",
    shown: "a user",
    params: { user: "Id of the user" },
  }),
];
