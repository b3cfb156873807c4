import type {
  AuthenticationMethod,
  BasicAuthentication,
  Credentials as DeclaredCredentials,
} from "../../schemas/manifest.ts";
import type { JsonSchema } from "../core/json.ts";

/** What a way of authentication asks a person for, beside its `connectionInput`. */
export interface CredentialsForm {
  type: "object";
  required: string[];
  properties: Record<string, JsonSchema>;
}

const forms = new WeakMap<AuthenticationMethod, CredentialsForm>();

/** The JSON Schema of the credentials that connecting takes, for forms: with titles, and `writeOnly` for what is secret. */
export function credentialsForm(method: AuthenticationMethod): CredentialsForm {
  const known = forms.get(method);
  if (known) return known;
  const form = makeForm(method);
  forms.set(method, form);
  return form;
}

function makeForm(method: AuthenticationMethod): CredentialsForm {
  switch (method.type) {
    case "oauth2":
      return form({ accessToken: secret("Access token") }, { refreshToken: secret("Refresh token"), expiresAt: ENDS });
    case "bearer":
      return form({ token: secret("Token") });
    case "apiKey":
      return form({ apiKey: secret("API key") });
    case "basic":
      return basicForm(method);
    case "custom":
    case "session":
    case "jwtBearer":
      return declaredForm(method.credentials);
    case "clientCredentials":
      return method.client === "operator"
        ? form({})
        : form({ clientId: text("Client id"), clientSecret: secret("Client secret") });
    case "none":
      return form({});
  }
}

/** Where there is no password to give, the user name is the secret. */
function basicForm({ username = {}, password = {} }: BasicAuthentication): CredentialsForm {
  const isKey = password.fixed !== undefined;
  const parts = [
    {
      name: "username",
      part: username,
      schema: { ...(isKey ? secret("User name") : text("User name")), pattern: "^[^:]*$" },
    },
    { name: "password", part: password, schema: secret("Password") },
  ].filter(({ part }) => part.fixed === undefined);
  const pick = (isOptional: boolean): Record<string, JsonSchema> =>
    Object.fromEntries(
      parts
        .filter(({ part }) => (part.optional === true) === isOptional)
        .map(({ name, part: { title, description }, schema }) => [
          name,
          { ...schema, ...(title !== undefined && { title }), ...(description !== undefined && { description }) },
        ]),
    );
  return form(pick(false), pick(true));
}

function declaredForm({ type, required, properties }: DeclaredCredentials): CredentialsForm {
  const copies = Object.entries(properties).map(([name, schema]) => [name, { ...schema }]);
  return { type, required, properties: Object.fromEntries(copies) as CredentialsForm["properties"] };
}

const ENDS: JsonSchema = { type: ["string", "number"], title: "When the access token ends" };

const text = (title: string): JsonSchema => ({ type: "string", title });
const secret = (title: string): JsonSchema => ({ ...text(title), writeOnly: true });

function form(required: Record<string, JsonSchema>, optional: Record<string, JsonSchema> = {}): CredentialsForm {
  return { type: "object", required: Object.keys(required), properties: { ...required, ...optional } };
}
