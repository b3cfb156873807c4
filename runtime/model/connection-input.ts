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

const givenCredentials = (description: string) => value<Record<string, unknown>>({ type: "object", description });

export const newConnection = input(
  "connection",
  "An account to connect.",
  { connector },
  {
    user: ownerId("Whose account it is; default the user of the token."),
    credentials: givenCredentials(
      "By type of authentication: `{token}`, `{apiKey}`, `{username, password}`, what the manifest's `credentials` declare, or OAuth tokens the host holds already.",
    ),
    inputs: answers,
    ...wish,
    returnTo,
    confirm,
  },
);
export type NewConnection = InputOf<typeof newConnection>;

const MOVE =
  "another account take the place of the first: streams begin with a silent poll, a `stream.gap` tells each subscription, and syncs are paused.";

export const connectionChanges = input(
  "connection",
  "What changes.",
  {},
  {
    label: name("Name of the account."),
    inputs: answers,
    credentials: givenCredentials(
      "New credentials in place of those it has, unless it is connected by OAuth; they are tested first.",
    ),
    account: oneOf(["move"], `With \`credentials\`, lets ${MOVE}`),
  },
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
    account: oneOf(["move"], `Lets ${MOVE}`),
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

/** Most connections that one call derives. */
export const MOST_DERIVED = 100;
/** What begins the keys under which derived connections are found. */
export const DERIVED = "drv";

export const derivation = input(
  "derivation",
  "What connections are derived for: either `ids` or `all`.",
  {},
  {
    ids: value<string[]>({
      type: "array",
      items: {
        type: "string",
        minLength: 1,
        maxLength: 255,
        description: "Id at the vendor, as it is listed.",
        examples: ["ve9EPM428h8vShlRW1KT"],
      },
      uniqueItems: true,
      minItems: 1,
      maxItems: MOST_DERIVED,
      description: "What for, by the ids that are listed.",
    }),
    all: flag(
      `Everything listed that the user has no connection for yet, at most ${MOST_DERIVED} at a time; \`remaining\` says how many are left.`,
    ),
    user: ownerId("Whose they are; default the owner of the connection. Only an admin may name another."),
  },
);
export type DerivationInput = InputOf<typeof derivation>;

export const derivedQuery = listQuery("derived connections", {}, DERIVED);
