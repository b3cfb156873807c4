/** Rows as the runtime leaves them, to be copied. */
import type { Row } from "./copies.ts";

const NOW = Date.now();
const created = { created_at: NOW, updated_at: NOW };

export const CONNECTION: Row = {
  id: "",
  connector: "google-contacts",
  user_id: "u_1",
  status: "active",
  label: null,
  inputs: "{}",
  captured: "{}",
  scopes: "[]",
  auth_type: "oauth2",
  // As long as sealed tokens are.
  credentials: new Uint8Array(300),
  version: 1,
  ...created,
};

export const STREAM: Row = {
  id: 0,
  connection: "",
  stream: "contacts",
  input_hash: "44136fa355b3678a",
  input: "{}",
  request_hash: "0123456789abcdef",
  cursor_version: 1,
  cursor: JSON.stringify({ value: "a".repeat(60) }),
  cursor_at: NOW,
  baselined_at: NOW,
  sequence: 0,
  last_poll_at: NOW,
  last_success_at: NOW,
  next_poll_at: NOW,
  consecutive_errors: 0,
};

export const SUBSCRIPTION: Row = {
  id: "",
  connection: "",
  user_id: "u_1",
  trigger_name: "contact_created",
  stream: 0,
  input: "{}",
  every_seconds: 300,
  first_poll: JSON.stringify("baseline"),
  backfill: "done",
  status: "active",
  degraded: 0,
  ...created,
};

export const ENDPOINT: Row = {
  id: "",
  kind: "webhook",
  url: "https://consumer.example/hooks",
  events: JSON.stringify(["contact.*"]),
  format: "standard",
  ordered: 0,
  sealed: new Uint8Array(200),
  status: "active",
  ...created,
};
