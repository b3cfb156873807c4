export interface DemoFacts {
  baseUrl: string;
  apiKey: string;
  sandboxUrl: string;
  receiverUrl: string;
  folder: string;
  connection: string;
  subscription: string;
  contacts: number;
  editEveryMs: number;
  /** What people did while the service was away; empty on a first start. */
  editsMeanwhile: readonly string[];
}

/** What a person should know before the events come. */
export function introduction(facts: DemoFacts): string {
  const { baseUrl, apiKey, connection, subscription, editsMeanwhile } = facts;
  const bearer = `-H 'authorization: Bearer ${apiKey}'`;
  const meanwhile = [
    "",
    "While the service was away, people edited the address book:",
    ...editsMeanwhile.map((edit) => `  ${edit}`),
  ];
  return `Hookline is running. Everything is on this machine, and nobody in it is real.

  API       ${baseUrl}
  API key   ${apiKey}
  Google    ${facts.sandboxUrl}  (simulated, ${facts.contacts} contacts)
  Receiver  ${facts.receiverUrl}  (verifies each webhook and prints it below)
  Data      ${facts.folder}

Look around:
  curl -s ${baseUrl}/v1/connections/${connection} ${bearer}
  curl -s '${baseUrl}/v1/events?limit=3' ${bearer}
  curl -s ${baseUrl}/v1/subscriptions/${subscription}/health ${bearer}
  curl -s ${baseUrl}/v1/connections/${connection}/actions/create_contact ${bearer} \\
    -H 'content-type: application/json' -d '{"givenName": "Ada", "familyName": "Lovelace"}'

Somebody edits the address book every ${facts.editEveryMs / 1000} s. A subscription would be read on its schedule, every five
minutes; so that you need not wait, the demo asks for a poll after each edit (POST /v1/subscriptions/{id}/poll).
Ctrl-C stops; the next start continues where this one ends.${editsMeanwhile.length > 0 ? `\n${meanwhile.join("\n")}` : ""}
`;
}
