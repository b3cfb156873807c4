import { connections } from "./connections.ts";
import { flag, name, oneOf, text, value } from "./field.ts";
import { input, type InputOf } from "./input.ts";
import { listQuery } from "./page.ts";
import { ownerId } from "./user.ts";

const { connector, inputs, status } = connections.fields;
const answers = {
  ...inputs,
  schema: { ...inputs.schema, description: "Answers to the manifest's `connectionInput`." },
};
const returnTo = text("Where the person goes after OAuth; its origin must be allowed.", {
  example: "https://app.example/settings",
});

const confirm = flag(
  "OAuth: whether who began has to confirm with the code that `returnTo` gets, or the last page shows, before the account is connected; default false.",
);

const listedNames = (description: string, example: string) =>
  value<string[]>({
    type: "array",
    items: { type: "string", minLength: 1, maxLength: 255, description: "One of them.", examples: [example] },
    uniqueItems: true,
    maxItems: 500,
    description,
  });

const wish = {
  scopes: listedNames(
    "OAuth: scopes to ask the person for, besides what connecting needs and, on a reconnect, what was granted and is used.",
    "contacts.readonly",
  ),
  triggers: listedNames("OAuth: triggers it is for; the person is asked for what they need.", "contact_created"),
  actions: listedNames("OAuth: actions it is for; the person is asked for what they need.", "create_contact"),
};

export const newConnection = input(
  "connection",
  "An account to connect.",
  { connector },
  {
    user: ownerId("Whose account it is; default the user of the token."),
    credentials: value<Record<string, unknown>>({
      type: "object",
      description:
        "By type of authentication: `{token}`, `{apiKey}`, `{username, password}`, or OAuth tokens the host holds already.",
    }),
    inputs: answers,
    ...wish,
    returnTo,
    confirm,
  },
);
export type NewConnection = InputOf<typeof newConnection>;

export const connectionChanges = input(
  "connection",
  "What changes.",
  {},
  { label: name("Name of the account."), inputs: answers },
  { minProperties: 1 },
);
export type ConnectionEdit = InputOf<typeof connectionChanges>;

export const reconnection = input(
  "reconnection",
  "How the person authorizes anew, and which account may come.",
  {},
  {
    ...wish,
    returnTo,
    confirm,
    account: oneOf(
      ["move"],
      "Lets another account take the place of the first: streams begin with a silent poll, a `stream.gap` tells each subscription, and syncs are paused.",
    ),
  },
);
export type Reconnection = InputOf<typeof reconnection>;

export const confirmation = input(
  "confirmation",
  "What the person who finished was given.",
  { code: name("The code of `returnTo`'s parameter `hookline_code`, or of the last page.", { example: "K3TX-9WQ2" }) },
  {},
);
export type Confirmation = InputOf<typeof confirmation>;

export const connectionRemoval = input(
  "removal",
  "What becomes of the data of the connection.",
  {},
  {
    erase: oneOf(
      ["now", "retention"],
      "now: its events, deliveries, runs and batches are erased at once; retention: they are kept as long as any other. Default: they are erased within 72 hours.",
    ),
  },
);
export type RemovalOptions = InputOf<typeof connectionRemoval>;

export const connectionQuery = listQuery("connections", {
  user: name("Only this user's."),
  connector: name("Only of this connector."),
  status: { ...status, schema: { ...status.schema, description: "Only in this state." } },
});
