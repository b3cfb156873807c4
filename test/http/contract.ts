import { compileSchema, type Validator } from "../../runtime/manifest/validate.ts";

interface Described {
  content?: Record<string, { schema?: object }>;
}

export interface OpenApi {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, Described> }>>;
  webhooks: Record<string, object>;
  components: { schemas: Record<string, object> };
}

/** By the text of their schema: each runtime has a description of its own, and they hardly differ. */
const validators = new Map<string, Validator>();

function validatorOf(schema: object): Validator {
  const text = JSON.stringify(schema);
  const validator = validators.get(text) ?? compileSchema(schema);
  validators.set(text, validator);
  return validator;
}

/** Checks answers against an OpenAPI description. */
export class Contract {
  readonly #load: () => Promise<unknown>;
  #document: Promise<OpenApi> | undefined;

  constructor(load: () => Promise<unknown>) {
    this.#load = load;
  }

  document(): Promise<OpenApi> {
    return (this.#document ??= this.#load() as Promise<OpenApi>);
  }

  /** Throws when an answer is not as its operation is described. Paths that are not described are left alone. */
  async check(
    method: string,
    path: string,
    answer: { status: number; headers: Headers; body: unknown },
  ): Promise<void> {
    const document = await this.document();
    const where = `${method} ${path} → ${answer.status}`;
    const operations = operationsAt(document, path.split("?")[0]!);
    if (operations === undefined) return;
    const operation =
      operations[method.toLowerCase()] ?? (answer.status === 405 ? Object.values(operations)[0] : undefined);
    const response = operation?.responses[answer.status] ?? operation?.responses["default"];
    if (!response) throw new Error(`${where}: this status is not described`);
    const type = answer.headers.get("content-type")?.split(";")[0];
    if (response.content === undefined) {
      if (type !== undefined && type !== null) throw new Error(`${where}: no body is described, but ${type} came`);
      return;
    }
    const content = response.content[type ?? ""] ?? response.content["*/*"];
    if (!content) throw new Error(`${where}: ${type} is not described`);
    if (!type!.endsWith("json")) return;
    const { components } = document;
    const faults = validatorOf({ ...content.schema, components })(answer.body);
    if (faults.length > 0) throw new Error(`${where}: ${JSON.stringify(faults)} in ${JSON.stringify(answer.body)}`);
  }
}

/** The path that has the fewest parameters wins, as in a router. */
function operationsAt({ paths }: OpenApi, path: string) {
  const matching = Object.keys(paths).filter((template) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path),
  );
  const [first] = matching.sort((a, b) => a.split("{").length - b.split("{").length);
  return first === undefined ? undefined : paths[first];
}
